-- What is limited before anybody looks at it, a row a subject, whose `free` and `grows` are of the
-- latest attempt. Instants are microseconds since 1970: statements compute with them, and numbers are
-- what both databases compute with alike.
CREATE TABLE auth_limits (
    subject       TEXT COLLATE "C" PRIMARY KEY,
    count         BIGINT NOT NULL,
    free          BIGINT NOT NULL,
    grows         BIGINT NOT NULL,
    resets_at     BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL,
    told          BIGINT NOT NULL
);
CREATE INDEX auth_limits_reset ON auth_limits (resets_at);

-- When a message was last handed to what delivers it beside the database.
ALTER TABLE auth_messages ADD COLUMN relayed_at TIMESTAMPTZ;

-- Tells every instance that listens when a transaction commits that has ended a session.
CREATE FUNCTION auth_revocations_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('auth_revocations', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER auth_revocations_notify AFTER UPDATE OF revoked_at ON auth_sessions
    FOR EACH STATEMENT EXECUTE FUNCTION auth_revocations_notify();
CREATE TRIGGER auth_revocations_notify AFTER INSERT ON auth_revocations
    FOR EACH STATEMENT EXECUTE FUNCTION auth_revocations_notify();

-- The oldest migration that a version must know to work with this schema: one that only adds leaves
-- it alone, so that instances of the version before go on beside it.
CREATE TABLE auth_compatibility (
    id     BIGINT PRIMARY KEY CHECK (id = 1),
    oldest BIGINT NOT NULL
);
INSERT INTO auth_compatibility (id, oldest) VALUES (1, 6);
