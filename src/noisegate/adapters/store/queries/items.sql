-- Items, what is private about them, and their gate.

-- name: insert_item
-- Nothing when the item is known: a second submission of the same thing.
INSERT INTO items (item_id, kind, markets, surface, declared)
VALUES (%(item_id)s, %(kind)s, %(markets)s, %(surface)s, %(declared)s)
ON CONFLICT DO NOTHING
RETURNING item_id

-- name: insert_private
INSERT INTO item_private (item_id, texts, creator) VALUES (%(item_id)s, %(texts)s, %(creator)s)

-- name: insert_asset
INSERT INTO item_assets (item_id, position, digest, asset)
VALUES (%(item_id)s, %(position)s, %(digest)s, %(asset)s)

-- name: insert_gate
INSERT INTO gates (item_id, revision, state, markets, why, deadline_at)
VALUES (%(item_id)s, 0, 'held', %(markets)s, 'submitted', now() + make_interval(secs => %(deadline_s)s))

-- name: item
SELECT item_id, kind, markets, surface, declared, submitted_at, erased_at, texts, creator
FROM items LEFT JOIN item_private USING (item_id)
WHERE item_id = %(item_id)s

-- name: keep_files
-- Many submissions at a time, but none while somebody tidies files away.
SELECT pg_advisory_xact_lock_shared(%(key)s)

-- name: tidy_files
SELECT pg_advisory_xact_lock(%(key)s)

-- name: unreferenced
SELECT digest FROM unnest(%(digests)s::text[]) AS kept (digest)
WHERE NOT EXISTS (SELECT FROM item_assets WHERE item_assets.digest = kept.digest)

-- name: assets
SELECT asset FROM item_assets WHERE item_id = %(item_id)s ORDER BY position

-- name: recent_items
-- Newest first; `before` is the last item of the page before.
SELECT item_id, kind, submitted_at, erased_at, texts, state, revision, deadline_at, action, settled
FROM items
JOIN gates USING (item_id)
LEFT JOIN item_private USING (item_id)
LEFT JOIN LATERAL (
    SELECT action, settled FROM assessments WHERE assessments.item_id = items.item_id ORDER BY number DESC LIMIT 1
) AS latest ON true
WHERE (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(before)s::text IS NULL
       OR (submitted_at, item_id) < (SELECT b.submitted_at, b.item_id FROM items b WHERE b.item_id = %(before)s))
ORDER BY submitted_at DESC, item_id DESC
LIMIT %(limit)s

-- name: claim_idempotency_key
-- Waits for a transaction that holds the same key, then sees what it stored.
INSERT INTO idempotency (owner, key, request, item_id)
VALUES (%(owner)s, %(key)s, %(request)s, %(item_id)s)
ON CONFLICT DO NOTHING
RETURNING item_id

-- name: idempotency_key
SELECT request, item_id FROM idempotency WHERE owner = %(owner)s AND key = %(key)s

-- name: gate
SELECT item_id, revision, state, markets, why, changed_at, deadline_at FROM gates WHERE item_id = %(item_id)s

-- name: lock_gate
-- Whoever concludes something about an item does it alone.
SELECT item_id, revision, state, markets, why, changed_at, deadline_at
FROM gates WHERE item_id = %(item_id)s FOR UPDATE

-- name: insert_gate_change
INSERT INTO gate_changes (item_id, revision, state, markets, why)
VALUES (%(item_id)s, %(revision)s, %(state)s, %(markets)s, %(why)s)

-- name: update_gate
UPDATE gates
SET revision = %(revision)s, state = %(state)s, markets = %(markets)s, why = %(why)s, changed_at = now(),
    deadline_at = NULL
WHERE item_id = %(item_id)s AND revision = %(revision)s - 1

-- name: clear_deadline
UPDATE gates SET deadline_at = NULL WHERE item_id = %(item_id)s

-- name: gate_changes
SELECT item_id, revision, state, markets, why, at FROM gate_changes WHERE item_id = %(item_id)s ORDER BY revision

-- name: overdue
SELECT item_id FROM gates WHERE deadline_at <= now() ORDER BY deadline_at LIMIT %(limit)s

-- name: gate_counts
SELECT state, count(*) AS items FROM gates GROUP BY state

-- name: erased
SELECT item_id FROM items WHERE item_id = %(item_id)s AND erased_at IS NOT NULL

-- name: mark_erased
UPDATE items SET erased_at = now() WHERE item_id = %(item_id)s AND erased_at IS NULL RETURNING item_id

-- name: orphaned_digests
-- Stored files of this item that no other item has.
SELECT DISTINCT digest FROM item_assets own
WHERE item_id = %(item_id)s
  AND NOT EXISTS (SELECT FROM item_assets other WHERE other.digest = own.digest AND other.item_id <> own.item_id)

-- name: erase_results
-- Computed on parts that no other item has: transcripts quote the upload.
DELETE FROM results
WHERE part_digest IN (
    SELECT own.digest FROM parts own
    WHERE own.item_id = %(item_id)s
      AND NOT EXISTS (SELECT FROM parts other WHERE other.digest = own.digest AND other.item_id <> own.item_id))

-- name: erase_parts
DELETE FROM parts WHERE item_id = %(item_id)s

-- name: erase_findings
DELETE FROM findings WHERE item_id = %(item_id)s

-- name: erase_details
DELETE FROM assessment_details WHERE item_id = %(item_id)s

-- name: erase_notices
DELETE FROM notices WHERE item_id = %(item_id)s

-- name: erase_assets
DELETE FROM item_assets WHERE item_id = %(item_id)s

-- name: erase_private
DELETE FROM item_private WHERE item_id = %(item_id)s
