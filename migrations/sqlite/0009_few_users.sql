-- The few among the many.
CREATE INDEX IF NOT EXISTS auth_users_disabled ON auth_users (id) WHERE disabled_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS auth_users_roles ON auth_users (id) WHERE roles <> '[]';
