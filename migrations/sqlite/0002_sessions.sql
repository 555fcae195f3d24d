-- One row a family of refresh tokens, of which `refresh` is the one that is good. `family` is the
-- digest of the part that all of them share, by which a used one is recognised.
CREATE TABLE auth_sessions (
    id               BLOB PRIMARY KEY NOT NULL,
    user_id          BLOB NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
    family           BLOB NOT NULL UNIQUE,
    refresh          BLOB NOT NULL,
    previous         BLOB,
    rotated_at       INTEGER,
    amr              TEXT NOT NULL,
    ip               TEXT,
    user_agent       TEXT,
    created_at       INTEGER NOT NULL,
    authenticated_at INTEGER NOT NULL,
    last_used_at     INTEGER NOT NULL,
    idle_expires_at  INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    revoked_at       INTEGER
) STRICT;
CREATE INDEX auth_sessions_user ON auth_sessions (user_id);
CREATE INDEX auth_sessions_revoked ON auth_sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- Sign-ins that await their second factor.
CREATE TABLE auth_challenges (
    digest         BLOB PRIMARY KEY NOT NULL,
    user_id        BLOB NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
    password_epoch INTEGER NOT NULL,
    tries          INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX auth_challenges_user ON auth_challenges (user_id);

-- Counted attempts; a row counts from zero again once it has expired.
CREATE TABLE auth_attempts (
    subject    TEXT PRIMARY KEY NOT NULL,
    count      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

-- Ed25519 keys, one a generation, whose private halves are sealed.
CREATE TABLE auth_signing_keys (
    generation  INTEGER PRIMARY KEY NOT NULL,
    public_key  BLOB NOT NULL,
    seed        BLOB NOT NULL,
    active_from INTEGER NOT NULL
) STRICT;
