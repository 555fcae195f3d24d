-- What is deleted with a session, or with the id that it had.
CREATE INDEX IF NOT EXISTS auth_totp_enrolments_session ON auth_totp_enrolments (session_id);
CREATE INDEX IF NOT EXISTS auth_totp_enrolments_expiry ON auth_totp_enrolments (expires_at);
