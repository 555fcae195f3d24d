-- One row a person. What is unique is compared byte for byte: the canonical forms are made in Rust,
-- and no collation may find two of them equal that differ.
CREATE TABLE auth_users (
    id                 BLOB PRIMARY KEY NOT NULL,
    email              TEXT NOT NULL,
    email_canonical    TEXT NOT NULL UNIQUE,
    username           TEXT,
    username_canonical TEXT UNIQUE,
    password_hash      TEXT,
    password_epoch     INTEGER NOT NULL,
    factor_epoch       INTEGER NOT NULL,
    roles              TEXT NOT NULL,
    activated_at       INTEGER,
    disabled_at        INTEGER,
    created_at         INTEGER NOT NULL
) STRICT;

-- A username asked for is held whether or not the address was free, so that it reveals no address.
CREATE TABLE auth_username_holds (
    username   TEXT PRIMARY KEY NOT NULL,
    email      TEXT NOT NULL,
    held_until INTEGER NOT NULL
) STRICT;

CREATE INDEX auth_username_holds_email ON auth_username_holds (email);

-- At most one live token for each user and purpose: a new one replaces the old.
CREATE TABLE auth_one_time_tokens (
    user_id        BLOB NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
    purpose        TEXT NOT NULL,
    digest         BLOB NOT NULL UNIQUE,
    email          TEXT NOT NULL,
    password_epoch INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    PRIMARY KEY (user_id, purpose)
) STRICT;
