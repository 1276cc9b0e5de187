-- The append-only chain.

-- name: lock
-- Held until the transaction ends: rows are added one transaction after the other, in the order they commit.
SELECT pg_advisory_xact_lock(%(key)s)

-- name: tip
-- A statement of its own after the lock, so that it sees what the last holder committed.
SELECT seq, hash, clock_timestamp() AS now FROM ledger ORDER BY seq DESC LIMIT 1

-- name: now
SELECT clock_timestamp() AS now

-- name: append
INSERT INTO ledger (seq, at, kind, item_id, actor, body, prev_hash, hash)
VALUES (%(seq)s, %(at)s, %(kind)s, %(item_id)s, %(actor)s, %(body)s, %(prev_hash)s, %(hash)s)

-- name: announce
-- Wakes whoever follows the ledger, when the transaction commits.
SELECT pg_notify(%(channel)s, %(payload)s)

-- name: after
SELECT seq, at, kind, item_id, actor, body::text AS body, prev_hash, hash
FROM ledger
WHERE seq > %(seq)s AND (%(item_id)s::text IS NULL OR item_id = %(item_id)s)
ORDER BY seq
LIMIT %(limit)s

-- name: walk
SELECT seq, at, kind, item_id, actor, body::text AS body, prev_hash, hash FROM ledger ORDER BY seq
