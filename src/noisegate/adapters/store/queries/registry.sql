-- Keys, packs, banks, jobs and the cache of results.

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

-- name: insert_bank
INSERT INTO banks (name) VALUES (%(bank)s) ON CONFLICT DO NOTHING

-- name: banks
SELECT banks.name, banks.revision, digest,
       (SELECT count(*) FROM bank_entries WHERE bank = banks.name AND until IS NULL) AS entries
FROM banks JOIN bank_versions ON bank = banks.name AND bank_versions.revision = banks.revision
ORDER BY banks.name

-- name: lock_bank
SELECT revision FROM banks WHERE name = %(bank)s FOR UPDATE

-- name: bank_head
SELECT banks.revision, digest
FROM banks JOIN bank_versions ON bank = banks.name AND bank_versions.revision = banks.revision
WHERE banks.name = %(bank)s

-- name: bank_revision
SELECT max(revision) AS revision FROM bank_versions WHERE bank = %(bank)s AND digest = %(digest)s

-- name: bank_entries
SELECT entry_id, label, hashes, note FROM bank_entries
WHERE bank = %(bank)s AND since <= %(revision)s AND (until IS NULL OR until > %(revision)s)
ORDER BY entry_id

-- name: end_entry
UPDATE bank_entries SET until = %(revision)s WHERE bank = %(bank)s AND entry_id = %(entry_id)s AND until IS NULL
RETURNING entry_id

-- name: insert_entry
INSERT INTO bank_entries (bank, entry_id, since, label, hashes, note, added_by)
VALUES (%(bank)s, %(entry_id)s, %(revision)s, %(label)s, %(hashes)s, %(note)s, %(actor)s)

-- name: insert_bank_version
INSERT INTO bank_versions (bank, revision, digest) VALUES (%(bank)s, %(revision)s, %(digest)s)

-- name: advance_bank
UPDATE banks SET revision = %(revision)s WHERE name = %(bank)s

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
