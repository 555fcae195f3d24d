-- The outbox. A message waits until `due_at`, which a claim moves into the future; `token` is sealed
-- and erased once the message is sent or given up.
CREATE TABLE auth_messages (
    id         UUID PRIMARY KEY,
    kind       TEXT NOT NULL,
    recipient  TEXT NOT NULL,
    username   TEXT,
    token      BYTEA,
    attempts   BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    due_at     TIMESTAMPTZ NOT NULL,
    not_after  TIMESTAMPTZ,
    sent_at    TIMESTAMPTZ,
    failed_at  TIMESTAMPTZ,
    failure    TEXT
);
CREATE INDEX auth_messages_due ON auth_messages (due_at)
    WHERE sent_at IS NULL AND failed_at IS NULL;

-- Wakes every courier that listens when a transaction with messages commits.
CREATE FUNCTION auth_messages_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('auth_messages', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER auth_messages_notify AFTER INSERT ON auth_messages
    FOR EACH STATEMENT EXECUTE FUNCTION auth_messages_notify();
