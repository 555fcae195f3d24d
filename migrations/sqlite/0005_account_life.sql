-- `metadata` is the host's own, an object; `language` is what the user chose, or nothing.
ALTER TABLE auth_users ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE auth_users ADD COLUMN language TEXT;
CREATE INDEX auth_users_unproven ON auth_users (created_at) WHERE activated_at IS NULL;

-- The address that a token of an e-mail change is to set, beside the token, so that one statement
-- writes both.
ALTER TABLE auth_one_time_tokens ADD COLUMN new_email TEXT;
ALTER TABLE auth_one_time_tokens ADD COLUMN new_email_canonical TEXT;
CREATE INDEX auth_one_time_tokens_expiry ON auth_one_time_tokens (expires_at);

-- Whether a browser keeps the session when it is closed.
ALTER TABLE auth_sessions ADD COLUMN remembered INTEGER NOT NULL DEFAULT TRUE;
ALTER TABLE auth_challenges ADD COLUMN remembered INTEGER NOT NULL DEFAULT TRUE;
CREATE INDEX auth_sessions_expiry ON auth_sessions (expires_at);
CREATE INDEX auth_challenges_expiry ON auth_challenges (expires_at);
CREATE INDEX auth_attempts_expiry ON auth_attempts (expires_at);
CREATE INDEX auth_username_holds_expiry ON auth_username_holds (held_until);

-- The sessions of deleted users, of which other instances still have to hear.
CREATE TABLE auth_revocations (
    session_id BLOB PRIMARY KEY NOT NULL,
    revoked_at INTEGER NOT NULL
) STRICT;
CREATE INDEX auth_revocations_revoked ON auth_revocations (revoked_at);

ALTER TABLE auth_messages ADD COLUMN language TEXT;
CREATE INDEX auth_messages_settled ON auth_messages (COALESCE(sent_at, failed_at))
    WHERE sent_at IS NOT NULL OR failed_at IS NOT NULL;

-- What happened, for good: rows are added, and deleted when they are old. They outlive their users.
CREATE TABLE auth_events (
    id          BLOB PRIMARY KEY NOT NULL,
    kind        TEXT NOT NULL,
    actor       TEXT NOT NULL,
    user_id     BLOB,
    session_id  BLOB,
    ip          TEXT,
    user_agent  TEXT,
    detail      TEXT NOT NULL,
    occurred_at INTEGER NOT NULL
) STRICT;
CREATE INDEX auth_events_user ON auth_events (user_id, id);
CREATE INDEX auth_events_kind ON auth_events (kind, id);
CREATE INDEX auth_events_occurred ON auth_events (occurred_at);

CREATE TRIGGER auth_events_refuse BEFORE UPDATE ON auth_events
BEGIN
    SELECT RAISE(ABORT, 'an event is never changed');
END;
