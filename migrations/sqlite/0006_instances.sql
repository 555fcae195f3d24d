-- What is limited before anybody looks at it, a row a subject, whose `free` and `grows` are of the
-- latest attempt. Instants are microseconds since 1970: statements compute with them, and numbers are
-- what both databases compute with alike.
CREATE TABLE auth_limits (
    subject       TEXT PRIMARY KEY NOT NULL,
    count         INTEGER NOT NULL,
    free          INTEGER NOT NULL,
    grows         INTEGER NOT NULL,
    resets_at     INTEGER NOT NULL,
    blocked_until INTEGER NOT NULL,
    told          INTEGER NOT NULL
) STRICT;
CREATE INDEX auth_limits_reset ON auth_limits (resets_at);

-- When a message was last handed to what delivers it beside the database.
ALTER TABLE auth_messages ADD COLUMN relayed_at INTEGER;

-- The oldest migration that a version must know to work with this schema: one that only adds leaves
-- it alone, so that instances of the version before go on beside it.
CREATE TABLE auth_compatibility (
    id     INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    oldest INTEGER NOT NULL
) STRICT;
INSERT INTO auth_compatibility (id, oldest) VALUES (1, 6);
