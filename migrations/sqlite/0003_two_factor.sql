-- `secret` is sealed; `last_step` is the latest time step whose code was accepted.
CREATE TABLE auth_totp (
    user_id      BLOB PRIMARY KEY NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
    secret       BLOB NOT NULL,
    last_step    INTEGER NOT NULL,
    confirmed_at INTEGER NOT NULL
) STRICT;

-- An enrolment counts for nothing until its first code confirms it.
CREATE TABLE auth_totp_enrolments (
    user_id    BLOB PRIMARY KEY NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
    session_id BLOB NOT NULL REFERENCES auth_sessions (id) ON DELETE CASCADE,
    secret     BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE auth_recovery_codes (
    user_id BLOB NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
    digest  BLOB NOT NULL,
    PRIMARY KEY (user_id, digest)
) STRICT;
