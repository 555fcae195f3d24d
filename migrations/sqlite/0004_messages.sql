-- The outbox. A message waits until `due_at`, which a claim moves into the future; `token` is sealed
-- and erased once the message is sent or given up.
CREATE TABLE auth_messages (
    id         BLOB PRIMARY KEY NOT NULL,
    kind       TEXT NOT NULL,
    recipient  TEXT NOT NULL,
    username   TEXT,
    token      BLOB,
    attempts   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    not_after  INTEGER,
    sent_at    INTEGER,
    failed_at  INTEGER,
    failure    TEXT
) STRICT;
CREATE INDEX auth_messages_due ON auth_messages (due_at)
    WHERE sent_at IS NULL AND failed_at IS NULL;
