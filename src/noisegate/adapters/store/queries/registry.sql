-- Keys, packs, jobs and the cache of results.

-- name: insert_key
INSERT INTO api_keys (key_id, name, hash, scopes) VALUES (%(key_id)s, %(name)s, %(hash)s, %(scopes)s)
RETURNING key_id, name, scopes, created_at, last_used_at, revoked_at

-- name: key_by_hash
SELECT key_id, name, scopes, created_at, last_used_at, revoked_at FROM api_keys
WHERE hash = %(hash)s AND revoked_at IS NULL

-- name: touch_key
-- At most once a minute, so that reading does not become writing.
UPDATE api_keys SET last_used_at = now()
WHERE key_id = %(key_id)s AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')

-- name: revoke_key
UPDATE api_keys SET revoked_at = now() WHERE key_id = %(key_id)s AND revoked_at IS NULL RETURNING key_id

-- name: keys
SELECT key_id, name, scopes, created_at, last_used_at, revoked_at FROM api_keys ORDER BY created_at, key_id

-- name: insert_pack
INSERT INTO packs (name, version, digest, title, owner, sources)
VALUES (%(name)s, %(version)s, %(digest)s, %(title)s, %(owner)s, %(sources)s)
ON CONFLICT DO NOTHING
RETURNING digest

-- name: pack
SELECT name, version, digest, title, owner, sources, frozen_at FROM packs
WHERE name = %(name)s AND version = %(version)s

-- name: packs
SELECT name, version, digest, title, owner, sources, frozen_at FROM packs ORDER BY name, version

-- name: enqueue
-- What procrastinate's own `defer` runs, here inside our transaction.
SELECT unnest(procrastinate_defer_jobs_v1(ARRAY[
    ROW(%(queue)s, %(task)s, %(priority)s, %(lock)s, %(queueing_lock)s, %(args)s::jsonb, %(at)s::timestamptz)
    ::procrastinate_job_to_defer_v1])) AS id

-- name: results
SELECT part_digest, fingerprint, result FROM results
JOIN unnest(%(digests)s::text[], %(fingerprints)s::text[]) AS wanted (digest, print)
  ON part_digest = digest AND fingerprint = print

-- name: insert_result
INSERT INTO results (part_digest, fingerprint, result) VALUES (%(part_digest)s, %(fingerprint)s, %(result)s)
ON CONFLICT DO NOTHING

-- name: prune_results
DELETE FROM results WHERE at < now() - make_interval(days => %(days)s)
