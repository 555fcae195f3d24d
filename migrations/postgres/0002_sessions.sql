-- One row a family of refresh tokens, of which `refresh` is the one that is good. `family` is the
-- digest of the part that all of them share, by which a used one is recognised.
CREATE TABLE auth_sessions (
    id               UUID PRIMARY KEY,
    user_id          UUID NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
    family           BYTEA NOT NULL UNIQUE,
    refresh          BYTEA NOT NULL,
    previous         BYTEA,
    rotated_at       TIMESTAMPTZ,
    amr              TEXT NOT NULL,
    ip               TEXT,
    user_agent       TEXT,
    created_at       TIMESTAMPTZ NOT NULL,
    authenticated_at TIMESTAMPTZ NOT NULL,
    last_used_at     TIMESTAMPTZ NOT NULL,
    idle_expires_at  TIMESTAMPTZ NOT NULL,
    expires_at       TIMESTAMPTZ NOT NULL,
    revoked_at       TIMESTAMPTZ
);
CREATE INDEX auth_sessions_user ON auth_sessions (user_id);
CREATE INDEX auth_sessions_revoked ON auth_sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- Sign-ins that await their second factor.
CREATE TABLE auth_challenges (
    digest         BYTEA PRIMARY KEY,
    user_id        UUID NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
    password_epoch BIGINT NOT NULL,
    tries          BIGINT NOT NULL,
    expires_at     TIMESTAMPTZ NOT NULL
);
CREATE INDEX auth_challenges_user ON auth_challenges (user_id);

-- Counted attempts; a row counts from zero again once it has expired.
CREATE TABLE auth_attempts (
    subject    TEXT COLLATE "C" PRIMARY KEY,
    count      BIGINT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

-- Ed25519 keys, one a generation, whose private halves are sealed.
CREATE TABLE auth_signing_keys (
    generation  BIGINT PRIMARY KEY,
    public_key  BYTEA NOT NULL,
    seed        BYTEA NOT NULL,
    active_from TIMESTAMPTZ NOT NULL
);
