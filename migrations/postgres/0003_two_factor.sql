-- `secret` is sealed; `last_step` is the latest time step whose code was accepted.
CREATE TABLE auth_totp (
    user_id      UUID PRIMARY KEY REFERENCES auth_users (id) ON DELETE CASCADE,
    secret       BYTEA NOT NULL,
    last_step    BIGINT NOT NULL,
    confirmed_at TIMESTAMPTZ NOT NULL
);

-- An enrolment counts for nothing until its first code confirms it.
CREATE TABLE auth_totp_enrolments (
    user_id    UUID PRIMARY KEY REFERENCES auth_users (id) ON DELETE CASCADE,
    session_id UUID NOT NULL REFERENCES auth_sessions (id) ON DELETE CASCADE,
    secret     BYTEA NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE auth_recovery_codes (
    user_id UUID NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
    digest  BYTEA NOT NULL,
    PRIMARY KEY (user_id, digest)
);
