-- By itself, so that nothing is locked as a whole while it is made; and so are the others, so that none
-- waits for one table while others wait for it with another.
CREATE INDEX IF NOT EXISTS auth_sessions_idle ON auth_sessions (idle_day);
