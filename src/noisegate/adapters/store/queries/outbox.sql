-- What the outside is told, at least once, in order per item and receiver.

-- name: insert_event
-- Told twice is told once: the id says which step of which item it is.
INSERT INTO events (event_id, kind, item_id, body) VALUES (%(event_id)s, %(kind)s, %(item_id)s, %(body)s)
ON CONFLICT (event_id) DO NOTHING
RETURNING position

-- name: address_event
INSERT INTO deliveries (position, endpoint_id, item_id)
SELECT %(position)s, endpoint_id, %(item_id)s FROM endpoints
WHERE removed_at IS NULL AND (kinds = '{}' OR %(kind)s = ANY (kinds))

-- name: take_due
-- Gives each delivery to one worker for `lease_s` seconds. One whose predecessor is not settled has to wait.
WITH due AS (
    SELECT position, endpoint_id FROM deliveries d
    WHERE state = 'pending' AND due_at <= now() AND NOT endpoint_id = ANY (%(busy)s::text[])
      AND NOT EXISTS (
          SELECT FROM deliveries earlier
          WHERE earlier.endpoint_id = d.endpoint_id AND earlier.item_id = d.item_id
            AND earlier.state = 'pending' AND earlier.position < d.position)
    ORDER BY due_at, position
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE deliveries SET attempts = attempts + 1, due_at = now() + make_interval(secs => %(lease_s)s)
    FROM due WHERE deliveries.position = due.position AND deliveries.endpoint_id = due.endpoint_id
    RETURNING deliveries.position, deliveries.endpoint_id, deliveries.attempts
)
SELECT position, endpoint_id, attempts, event_id, kind, item_id, body, at, url, secret
FROM taken JOIN events USING (position) JOIN endpoints USING (endpoint_id)
ORDER BY position

-- name: delivered
UPDATE deliveries SET state = 'delivered', delivered_at = now(), error = NULL
WHERE position = %(position)s AND endpoint_id = %(endpoint_id)s AND state = 'pending'

-- name: postponed
-- Not by a worker whose lease ran out: another one has it now.
UPDATE deliveries SET due_at = now() + make_interval(secs => %(retry_in_s)s), error = %(error)s
WHERE position = %(position)s AND endpoint_id = %(endpoint_id)s AND state = 'pending' AND attempts = %(attempts)s

-- name: given_up
UPDATE deliveries SET state = 'given_up', error = %(error)s
WHERE position = %(position)s AND endpoint_id = %(endpoint_id)s AND state = 'pending' AND attempts = %(attempts)s

-- name: next_due
SELECT EXTRACT(epoch FROM min(due_at) - now())::float8 AS seconds FROM deliveries WHERE state = 'pending'

-- name: deliveries
SELECT d.position, d.endpoint_id, d.attempts, d.state, d.error, d.due_at, d.delivered_at, event_id, kind, d.item_id
FROM deliveries d JOIN events USING (position)
WHERE (%(item_id)s::text IS NULL OR d.item_id = %(item_id)s)
  AND (%(state)s::text IS NULL OR d.state = %(state)s)
ORDER BY d.position DESC, d.endpoint_id
LIMIT %(limit)s

-- name: insert_endpoint
INSERT INTO endpoints (endpoint_id, url, secret, kinds) VALUES (%(endpoint_id)s, %(url)s, %(secret)s, %(kinds)s)
RETURNING endpoint_id, url, kinds, created_at

-- name: remove_endpoint
UPDATE endpoints SET removed_at = now() WHERE endpoint_id = %(endpoint_id)s AND removed_at IS NULL
RETURNING endpoint_id

-- name: drop_pending
UPDATE deliveries SET state = 'given_up', error = 'the endpoint was removed'
WHERE endpoint_id = %(endpoint_id)s AND state = 'pending'

-- name: endpoints
SELECT endpoint_id, url, kinds, created_at FROM endpoints WHERE removed_at IS NULL ORDER BY created_at, endpoint_id

-- name: prune_deliveries
DELETE FROM deliveries
USING events
WHERE events.position = deliveries.position AND state <> 'pending' AND at < now() - make_interval(days => %(days)s)

-- name: prune_events
DELETE FROM events
WHERE at < now() - make_interval(days => %(days)s)
  AND NOT EXISTS (SELECT FROM deliveries WHERE deliveries.position = events.position)
