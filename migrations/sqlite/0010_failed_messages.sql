-- The few among the many.
CREATE INDEX IF NOT EXISTS auth_messages_failed ON auth_messages (id, failed_at)
    WHERE failed_at IS NOT NULL;
