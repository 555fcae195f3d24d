-- One row a person. What is unique is compared byte for byte: the canonical forms are made in Rust,
-- and no collation may find two of them equal that differ.
CREATE TABLE auth_users (
    id                 UUID PRIMARY KEY,
    email              TEXT NOT NULL,
    email_canonical    TEXT COLLATE "C" NOT NULL UNIQUE,
    username           TEXT,
    username_canonical TEXT COLLATE "C" UNIQUE,
    password_hash      TEXT,
    password_epoch     BIGINT NOT NULL,
    factor_epoch       BIGINT NOT NULL,
    roles              JSONB NOT NULL,
    activated_at       TIMESTAMPTZ,
    disabled_at        TIMESTAMPTZ,
    created_at         TIMESTAMPTZ NOT NULL
);

-- A username asked for is held whether or not the address was free, so that it reveals no address.
CREATE TABLE auth_username_holds (
    username   TEXT COLLATE "C" PRIMARY KEY,
    email      TEXT COLLATE "C" NOT NULL,
    held_until TIMESTAMPTZ NOT NULL
);

CREATE INDEX auth_username_holds_email ON auth_username_holds (email);

-- At most one live token for each user and purpose: a new one replaces the old.
CREATE TABLE auth_one_time_tokens (
    user_id        UUID NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
    purpose        TEXT NOT NULL,
    digest         BYTEA NOT NULL UNIQUE,
    email          TEXT COLLATE "C" NOT NULL,
    password_epoch BIGINT NOT NULL,
    expires_at     TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, purpose)
);
