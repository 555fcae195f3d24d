-- A service of :users users and :sessions sessions that has run for months, at the second :now. Of what
-- comes and goes there is as much as of sessions, and some of it is over.
CREATE FUNCTION pg_temp.id(kind TEXT, i BIGINT, at TIMESTAMPTZ) RETURNS UUID LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::BIGINT), 12, '0') || '7'
            || substr(md5(kind || i), 1, 3) || '8' || substr(md5(kind || i), 4, 15))::UUID
$$;
-- When the one of so many was made, evenly over as many days.
CREATE FUNCTION pg_temp.at(i BIGINT, of BIGINT, days INT) RETURNS TIMESTAMPTZ LANGUAGE sql IMMUTABLE AS $$
    SELECT to_timestamp(:now - 86400.0 * days * (of - i) / of)
$$;
CREATE FUNCTION pg_temp.user_id(i BIGINT) RETURNS UUID LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_temp.id('user', i, pg_temp.at(i, :users, 300))
$$;
-- A family of refresh tokens, of which this is the half that all have in common.
CREATE FUNCTION pg_temp.family(i BIGINT) RETURNS BYTEA LANGUAGE sql IMMUTABLE AS $$
    SELECT decode(md5('family' || i), 'hex')
$$;

INSERT INTO auth_users (id, email, email_canonical, username, username_canonical, password_hash,
                        password_epoch, factor_epoch, roles, activated_at, disabled_at, created_at)
SELECT pg_temp.user_id(i), e, e, n, n, :password_hash, 0, 0,
       CASE WHEN i % 500 = 0 THEN '["editor"]'::JSONB ELSE '[]' END,
       CASE WHEN i % 100 <> 1 THEN at END, CASE WHEN i % 1000 = 2 THEN at END, at
FROM (SELECT i, substr(md5(i::TEXT), 1, 6) || i || '@example.com' AS e,
             CASE WHEN i % 3 = 0 THEN substr(md5(i::TEXT), 1, 6) || i END AS n,
             pg_temp.at(i, :users, 300) AS at
      FROM generate_series(1, :users::BIGINT) i) users;

INSERT INTO auth_sessions (id, user_id, family, refresh, amr, ip, user_agent, created_at,
                           authenticated_at, last_used_at, idle_expires_at, idle_day, expires_at,
                           revoked_at)
SELECT pg_temp.id('session', i, at), pg_temp.user_id(1 + i * 7919 % :users),
       sha256(pg_temp.family(i)), sha256(pg_temp.family(i) || decode(md5('first' || i), 'hex')),
       'pwd', '198.51.100.7', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
       at, at, at, at + INTERVAL '14 days',
       date_trunc('day', at) + INTERVAL '15 days', at + INTERVAL '30 days',
       CASE WHEN i % 100 = 3 THEN at + INTERVAL '1 hour' END
FROM (SELECT i, pg_temp.at(i, :sessions, 14) AS at
      FROM generate_series(1, :sessions::BIGINT) i) sessions;

INSERT INTO auth_one_time_tokens (user_id, purpose, digest, email, password_epoch, expires_at)
SELECT pg_temp.user_id(1 + i * 7919 % :users), 'password_reset', sha256(decode(md5('token' || i), 'hex')),
       i || '@example.com', 0, pg_temp.at(i, :sessions, 1) + INTERVAL '1 hour'
FROM generate_series(1, :sessions::BIGINT, 20) i;

INSERT INTO auth_totp (user_id, secret, last_step, confirmed_at)
SELECT pg_temp.user_id(i), decode(md5('totp' || i), 'hex'), 0, pg_temp.at(i, :users, 300)
FROM generate_series(1, :users::BIGINT, 10) i;
INSERT INTO auth_recovery_codes (user_id, digest)
SELECT pg_temp.user_id(i), sha256(decode(md5('code' || i || '.' || c), 'hex'))
FROM generate_series(1, :users::BIGINT, 100) i, generate_series(1, 10) c;
INSERT INTO auth_totp_enrolments (user_id, session_id, secret, expires_at)
SELECT user_id, id, decode(md5(id::TEXT), 'hex'), created_at + INTERVAL '10 minutes'
FROM auth_sessions WHERE get_byte(uuid_send(id), 15) < 16 ON CONFLICT DO NOTHING;
INSERT INTO auth_challenges (digest, user_id, password_epoch, tries, expires_at)
SELECT sha256(decode(md5('challenge' || i), 'hex')), pg_temp.user_id(1 + i * 7919 % :users), 0, 0,
       pg_temp.at(i, :sessions, 1) + INTERVAL '5 minutes'
FROM generate_series(1, :sessions::BIGINT, 20) i;

INSERT INTO auth_attempts (subject, count, expires_at)
SELECT md5('attempt' || i), 1, pg_temp.at(i, :sessions, 1) + INTERVAL '1 hour'
FROM generate_series(1, :sessions::BIGINT, 10) i;
INSERT INTO auth_limits (subject, count, free, grows, resets_at, blocked_until, told)
SELECT md5('limit' || i), 1, 5, 1,
       (extract(epoch FROM pg_temp.at(i, :sessions, 2)) * 1000000)::BIGINT + 86400000000, 0, 0
FROM generate_series(1, :sessions::BIGINT, 10) i;
INSERT INTO auth_username_holds (username, email, held_until)
SELECT 'held' || i, i || '@example.com', pg_temp.at(i, :sessions, 1) + INTERVAL '1 hour'
FROM generate_series(1, :sessions::BIGINT, 20) i;
INSERT INTO auth_revocations (session_id, revoked_at)
SELECT pg_temp.id('revoked', i, at), at
FROM (SELECT i, pg_temp.at(i, :sessions, 1) AS at FROM generate_series(1, :sessions::BIGINT, 20) i) revoked;

INSERT INTO auth_messages (id, kind, recipient, attempts, created_at, due_at, sent_at, failed_at)
SELECT pg_temp.id('message', i, at), 'welcome', i || '@example.com', 1, at, at,
       CASE WHEN i % 1000 > 1 THEN at END, CASE WHEN i % 1000 = 1 THEN at END
FROM (SELECT i, pg_temp.at(i, :sessions, 31) AS at FROM generate_series(1, :sessions::BIGINT, 3) i) messages;
INSERT INTO auth_events (id, kind, actor, user_id, session_id, ip, detail, occurred_at)
SELECT pg_temp.id('event', i, at),
       CASE i % 50 WHEN 0 THEN 'authn_password_change' WHEN 1 THEN 'user_created'
                   ELSE 'authn_login_success' END,
       'user', pg_temp.user_id(1 + i * 7919 % :users), NULL, '198.51.100.7', '{}', at
FROM (SELECT i, pg_temp.at(i, :sessions, 370) AS at FROM generate_series(1, :sessions::BIGINT) i) events;
ANALYZE;
