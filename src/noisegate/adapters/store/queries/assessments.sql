-- What was found and concluded.

-- name: next_number
-- Called with the item's gate locked.
SELECT COALESCE(max(number), 0) + 1 AS number FROM assessments WHERE item_id = %(item_id)s

-- name: insert_assessment
INSERT INTO assessments (item_id, number, settled, action, outcome, timings)
VALUES (%(item_id)s, %(number)s, %(settled)s, %(action)s, %(outcome)s, %(timings)s)

-- name: insert_details
INSERT INTO assessment_details (item_id, number, facts, failures)
VALUES (%(item_id)s, %(number)s, %(facts)s, %(failures)s)

-- name: insert_finding
INSERT INTO findings (item_id, number, position, label, score, signal, fingerprint, finding)
VALUES (%(item_id)s, %(number)s, %(position)s, %(label)s, %(score)s, %(signal)s, %(fingerprint)s, %(finding)s)

-- name: clear_parts
DELETE FROM parts WHERE item_id = %(item_id)s

-- name: insert_part
INSERT INTO parts (item_id, part_id, position, modality, role, digest, part)
VALUES (%(item_id)s, %(part_id)s, %(position)s, %(modality)s, %(role)s, %(digest)s, %(part)s)

-- name: insert_decision
-- The same conclusion from the same inputs has the same id, and is one record.
INSERT INTO decisions (decision_id, item_id, pack, version, pack_digest, rule, action, sampled, decision)
VALUES (%(decision_id)s, %(item_id)s, %(pack)s, %(version)s, %(pack_digest)s, %(rule)s, %(action)s, %(sampled)s,
        %(decision)s)
ON CONFLICT DO NOTHING

-- name: link_decision
INSERT INTO assessment_decisions (item_id, number, position, decision_id)
VALUES (%(item_id)s, %(number)s, %(position)s, %(decision_id)s)

-- name: insert_notice
INSERT INTO notices (decision_id, item_id, notice) VALUES (%(decision_id)s, %(item_id)s, %(notice)s)
ON CONFLICT DO NOTHING

-- name: latest
SELECT number, at, settled, action, outcome, timings, facts, failures
FROM assessments LEFT JOIN assessment_details USING (item_id, number)
WHERE item_id = %(item_id)s
ORDER BY number DESC
LIMIT 1

-- name: latest_conclusion
-- What the latest assessment said, to compare another one with.
SELECT settled, outcome::text AS outcome,
       ARRAY(SELECT decision_id FROM assessment_decisions d
             WHERE d.item_id = a.item_id AND d.number = a.number ORDER BY position) AS decisions,
       ARRAY(SELECT finding::text FROM findings f
             WHERE f.item_id = a.item_id AND f.number = a.number ORDER BY position) AS findings
FROM assessments a
WHERE item_id = %(item_id)s
ORDER BY number DESC
LIMIT 1

-- name: findings
SELECT finding FROM findings WHERE item_id = %(item_id)s AND number = %(number)s ORDER BY position

-- name: decisions_of
SELECT decision FROM assessment_decisions JOIN decisions USING (decision_id)
WHERE assessment_decisions.item_id = %(item_id)s AND number = %(number)s
ORDER BY position

-- name: notices_of
SELECT notice
FROM assessment_decisions JOIN notices USING (decision_id)
WHERE assessment_decisions.item_id = %(item_id)s AND number = %(number)s
ORDER BY position

-- name: parts
SELECT part_id, modality, role, digest, part FROM parts WHERE item_id = %(item_id)s ORDER BY position

-- name: decision
SELECT decision_id, at, decision FROM decisions WHERE decision_id = %(decision_id)s

-- name: recent_decisions
-- Newest first; `before` is the last decision of the page before.
SELECT decision_id, at, decision FROM decisions
WHERE (%(item_id)s::text IS NULL OR item_id = %(item_id)s)
  AND (%(pack)s::text IS NULL OR pack = %(pack)s)
  AND (%(action)s::text IS NULL OR action = %(action)s)
  AND (%(before)s::text IS NULL
       OR (at, decision_id) < (SELECT b.at, b.decision_id FROM decisions b WHERE b.decision_id = %(before)s))
ORDER BY at DESC, decision_id DESC
LIMIT %(limit)s
