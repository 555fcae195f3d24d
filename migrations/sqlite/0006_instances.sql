-- Until when an attempt is refused, in microseconds since 1970.
ALTER TABLE auth_attempts ADD COLUMN blocked_until INTEGER NOT NULL DEFAULT 0;

-- When a message was last handed to what delivers it beside the database.
ALTER TABLE auth_messages ADD COLUMN relayed_at INTEGER;

-- The oldest migration that a version must know to work with this schema: one that only adds leaves
-- it alone, so that instances of the version before go on beside it.
CREATE TABLE auth_compatibility (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    oldest INTEGER NOT NULL
) STRICT;
INSERT INTO auth_compatibility (id, oldest) VALUES (1, 6);
