-- The end of the day on which a session will have been unused for too long: what refreshes leave alone
-- for a day can have an index without every refresh writing to all of them. Sessions of before, and of
-- instances of the version before, are looked at each time.
ALTER TABLE auth_sessions ADD COLUMN idle_day TIMESTAMPTZ NOT NULL DEFAULT to_timestamp(0);
-- Room on each page for what the next refreshes write, or each would write to all indexes after all.
ALTER TABLE auth_sessions SET (fillfactor = 80);
