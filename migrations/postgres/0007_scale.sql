-- The end of the day on which a session will have been unused for too long: what refreshes leave alone
-- for a day can have an index without every refresh writing to all of them. Sessions of before, and of
-- instances of the version before, are looked at each time.
ALTER TABLE auth_sessions ADD COLUMN idle_day TIMESTAMPTZ NOT NULL DEFAULT to_timestamp(0);
CREATE INDEX auth_sessions_idle ON auth_sessions (idle_day);

-- The few among the many.
CREATE INDEX auth_users_disabled ON auth_users (id) WHERE disabled_at IS NOT NULL;
CREATE INDEX auth_users_roles ON auth_users (id) WHERE roles <> '[]';
CREATE INDEX auth_messages_failed ON auth_messages (id, failed_at) WHERE failed_at IS NOT NULL;

-- What is deleted with a session, or with the id that it had.
CREATE INDEX auth_totp_enrolments_session ON auth_totp_enrolments (session_id);
CREATE INDEX auth_totp_enrolments_expiry ON auth_totp_enrolments (expires_at);
