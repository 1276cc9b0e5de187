-- People's tasks.

-- name: open_case
-- One open case per item and queue: a later reason to look at the same item joins it.
INSERT INTO cases (item_id, queue, priority, decisions, blocking, why)
VALUES (%(item_id)s, %(queue)s, %(priority)s, %(decisions)s, %(blocking)s, %(why)s)
ON CONFLICT (item_id, queue) WHERE state <> 'closed' DO UPDATE
SET priority = greatest(cases.priority, excluded.priority),
    decisions = ARRAY(SELECT DISTINCT unnest(cases.decisions || excluded.decisions) ORDER BY 1),
    blocking = cases.blocking OR excluded.blocking,
    why = excluded.why
RETURNING case_id, xmax = 0 AS is_new

-- name: cases
SELECT case_id, item_id, queue, priority, decisions, blocking, why, state, claimed_by, opened_at, closed_at, verdict
FROM cases
WHERE (%(queue)s::text IS NULL OR queue = %(queue)s)
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(item_id)s::text IS NULL OR item_id = %(item_id)s)
ORDER BY priority DESC, opened_at, case_id
LIMIT %(limit)s

-- name: claim_next
-- The most urgent open case; two people who ask at once get different ones.
UPDATE cases SET state = 'claimed', claimed_by = %(who)s, claimed_at = now()
WHERE case_id = (
    SELECT case_id FROM cases
    WHERE state = 'open' AND (%(queue)s::text IS NULL OR queue = %(queue)s)
    ORDER BY priority DESC, opened_at, case_id
    LIMIT 1
    FOR UPDATE SKIP LOCKED)
RETURNING case_id, item_id, queue, priority, decisions, blocking, why, state, claimed_by, opened_at, closed_at, verdict

-- name: close_case
UPDATE cases SET state = 'closed', closed_at = now(), verdict = %(verdict)s
WHERE case_id = %(case_id)s AND state <> 'closed'
RETURNING item_id

-- name: drop_cases
-- Nobody has begun them, and no decision asks for them any more.
UPDATE cases SET state = 'closed', closed_at = now(), verdict = %(why)s
WHERE item_id = %(item_id)s AND state = 'open' AND blocking AND NOT case_id = ANY (%(keep)s::bigint[])
RETURNING case_id
