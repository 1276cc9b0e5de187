-- The spine: what was submitted, what was found, what was decided, what was done about it, and the ledger of it all.
--
-- Three kinds of tables:
--   frozen    nobody changes or deletes a row, not even the owner: a trigger refuses. Only ids, digests, scores, words
--             of policies. `ledger`, `decisions`, `gate_changes`, `packs`.
--   erasable  what people wrote or can be known by; rows go when the item is erased. `item_private`, `item_assets`,
--             `parts`, `findings`, `assessment_details`, `notices`, `results`.
--   working   state that moves on. Everything else.
--
-- Documents that quote uploads are `json`, not `jsonb`: kept as written, to the byte, whatever characters an upload
-- contains. What is searched for has a column.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', HINT = 'Correct a record by adding another one.';
END
$$;

-- ledger ------------------------------------------------------------------------------------------------------------

CREATE TABLE ledger (
    seq       bigint      PRIMARY KEY,
    at        timestamptz NOT NULL,
    kind      text        NOT NULL,
    item_id   text,
    actor     text        NOT NULL,
    body      json        NOT NULL,  -- canonical JSON, byte for byte what the hash covers
    prev_hash bytea       NOT NULL CHECK (octet_length(prev_hash) = 32),
    hash      bytea       NOT NULL UNIQUE CHECK (octet_length(hash) = 32)
);
CREATE INDEX ledger_of_item ON ledger (item_id, seq) WHERE item_id IS NOT NULL;
CREATE INDEX ledger_of_kind ON ledger (kind, seq);

-- A writer that does not hold the lock, or computed on an old end of the chain, fails here instead of forking it.
CREATE FUNCTION ledger_continues() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    tip record;
BEGIN
    SELECT seq, hash INTO tip FROM ledger ORDER BY seq DESC LIMIT 1;
    IF NEW.seq <> COALESCE(tip.seq, 0) + 1
       OR NEW.prev_hash <> COALESCE(tip.hash, decode(repeat('00', 32), 'hex')) THEN
        RAISE EXCEPTION 'row % does not continue the ledger', NEW.seq USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER continues BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_continues();
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- items -------------------------------------------------------------------------------------------------------------

CREATE TABLE items (
    item_id      text        PRIMARY KEY,
    kind         text        NOT NULL,
    markets      text[]      NOT NULL,
    surface      text        NOT NULL,
    declared     json        NOT NULL,
    submitted_at timestamptz NOT NULL DEFAULT now(),
    erased_at    timestamptz
);
CREATE INDEX items_by_time ON items (submitted_at DESC, item_id DESC);

CREATE TABLE item_private (  -- erasable
    item_id text PRIMARY KEY REFERENCES items,
    texts   json NOT NULL,
    creator text
);
CREATE INDEX item_private_creator ON item_private (creator) WHERE creator IS NOT NULL;

CREATE TABLE item_assets (  -- erasable: names are the submitter's
    item_id  text     NOT NULL REFERENCES items,
    position smallint NOT NULL,
    digest   text     NOT NULL,
    asset    json     NOT NULL,
    PRIMARY KEY (item_id, position)
);
CREATE INDEX item_assets_by_digest ON item_assets (digest);

CREATE TABLE idempotency (
    owner   text        NOT NULL,
    key     text        NOT NULL,
    request text        NOT NULL,  -- digest of what was asked under the key
    item_id text        NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, key)
);

-- what was computed -------------------------------------------------------------------------------------------------

CREATE TABLE results (  -- erasable; a cache: losing it costs time only
    part_digest text        NOT NULL,
    fingerprint text        NOT NULL,
    result      json        NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (part_digest, fingerprint)
);
CREATE INDEX results_by_time ON results (at);

CREATE TABLE parts (  -- erasable
    item_id  text NOT NULL REFERENCES items,
    part_id  text NOT NULL,
    position int  NOT NULL,
    modality text NOT NULL,
    role     text NOT NULL,
    digest   text NOT NULL,
    part     json NOT NULL,
    PRIMARY KEY (item_id, part_id)
);
CREATE INDEX parts_by_digest ON parts (digest);

-- what was concluded ------------------------------------------------------------------------------------------------

CREATE TABLE assessments (
    item_id text        NOT NULL REFERENCES items,
    number  int         NOT NULL CHECK (number > 0),
    at      timestamptz NOT NULL DEFAULT now(),
    settled boolean     NOT NULL,
    action  text        NOT NULL,
    outcome json        NOT NULL,
    timings json        NOT NULL,
    PRIMARY KEY (item_id, number)
);

CREATE TABLE assessment_details (  -- erasable: facts and failures speak of names and contents
    item_id  text NOT NULL,
    number   int  NOT NULL,
    facts    json NOT NULL,
    failures json NOT NULL,
    PRIMARY KEY (item_id, number),
    FOREIGN KEY (item_id, number) REFERENCES assessments
);

CREATE TABLE findings (  -- erasable
    item_id     text   NOT NULL,
    number      int    NOT NULL,
    position    int    NOT NULL,
    label       text   NOT NULL,
    score       float8 NOT NULL,
    signal      text   NOT NULL,
    fingerprint text   NOT NULL,
    finding     json   NOT NULL,
    PRIMARY KEY (item_id, number, position),
    FOREIGN KEY (item_id, number) REFERENCES assessments
);
CREATE INDEX findings_by_label ON findings (label, score DESC);

CREATE TABLE decisions (  -- frozen
    decision_id text        PRIMARY KEY,
    item_id     text        NOT NULL REFERENCES items,
    at          timestamptz NOT NULL DEFAULT now(),
    pack        text        NOT NULL,
    version     int         NOT NULL,
    pack_digest text        NOT NULL,
    rule        text        NOT NULL,
    action      text        NOT NULL,
    sampled     boolean     NOT NULL,
    decision    json        NOT NULL
);
CREATE INDEX decisions_by_time ON decisions (at DESC, decision_id DESC);
CREATE INDEX decisions_of_item ON decisions (item_id);
CREATE INDEX decisions_of_pack ON decisions (pack, version, rule);
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE ON decisions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON decisions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE assessment_decisions (
    item_id     text     NOT NULL,
    number      int      NOT NULL,
    position    smallint NOT NULL,
    decision_id text     NOT NULL REFERENCES decisions,
    PRIMARY KEY (item_id, number, position),
    FOREIGN KEY (item_id, number) REFERENCES assessments
);

CREATE TABLE notices (  -- erasable: a statement of reasons quotes the upload
    decision_id text PRIMARY KEY REFERENCES decisions,
    item_id     text NOT NULL REFERENCES items,
    notice      json NOT NULL
);
CREATE INDEX notices_of_item ON notices (item_id);

-- the gate ----------------------------------------------------------------------------------------------------------

CREATE TABLE gates (
    item_id     text        PRIMARY KEY REFERENCES items,
    revision    int         NOT NULL CHECK (revision >= 0),
    state       text        NOT NULL CHECK (state IN
                ('held', 'released', 'labelled', 'age_gated', 'limited', 'in_review', 'blocked')),
    markets     json        NOT NULL,
    why         text        NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    deadline_at timestamptz
);
CREATE INDEX gates_due ON gates (deadline_at) WHERE deadline_at IS NOT NULL;
CREATE INDEX gates_by_state ON gates (state, changed_at);

CREATE TABLE gate_changes (  -- frozen; the key is why no step is taken twice
    item_id  text        NOT NULL REFERENCES items,
    revision int         NOT NULL,
    state    text        NOT NULL,
    markets  json        NOT NULL,
    why      text        NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (item_id, revision)
);
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE ON gate_changes FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON gate_changes FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- cases -------------------------------------------------------------------------------------------------------------

CREATE TABLE cases (
    case_id    bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    item_id    text        NOT NULL REFERENCES items,
    queue      text        NOT NULL,
    priority   int         NOT NULL,
    decisions  text[]      NOT NULL,
    blocking   boolean     NOT NULL,
    why        text        NOT NULL,
    state      text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'claimed', 'closed')),
    claimed_by text,
    claimed_at timestamptz,
    opened_at  timestamptz NOT NULL DEFAULT now(),
    closed_at  timestamptz,
    verdict    text
);
CREATE UNIQUE INDEX cases_one_per_item_and_queue ON cases (item_id, queue) WHERE state <> 'closed';
CREATE INDEX cases_waiting ON cases (queue, priority DESC, opened_at) WHERE state = 'open';

-- outbox ------------------------------------------------------------------------------------------------------------

CREATE TABLE events (
    position bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,  -- given under the ledger's lock: in commit order
    event_id text        NOT NULL UNIQUE,
    kind     text        NOT NULL,
    item_id  text        NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    body     json        NOT NULL
);
CREATE INDEX events_of_item ON events (item_id, position);

CREATE TABLE endpoints (
    endpoint_id text        PRIMARY KEY,
    url         text        NOT NULL,
    secret      text        NOT NULL,  -- signs what is sent, so it cannot be kept as a hash
    kinds       text[]      NOT NULL,  -- empty: every kind
    created_at  timestamptz NOT NULL DEFAULT now(),
    removed_at  timestamptz
);

CREATE TABLE deliveries (
    position     bigint      NOT NULL REFERENCES events,
    endpoint_id  text        NOT NULL REFERENCES endpoints,
    item_id      text        NOT NULL,
    state        text        NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'given_up')),
    attempts     int         NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL DEFAULT now(),  -- also the lease: a taken delivery is due again when it ends
    delivered_at timestamptz,
    error        text,
    PRIMARY KEY (position, endpoint_id)
);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state = 'pending';
CREATE INDEX deliveries_in_order ON deliveries (endpoint_id, item_id, position) WHERE state = 'pending';

-- keys, packs -------------------------------------------------------------------------------------------------------

CREATE TABLE api_keys (
    key_id       text        PRIMARY KEY,
    name         text        NOT NULL,
    hash         bytea       NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    scopes       text[]      NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);

CREATE TABLE packs (  -- frozen
    name      text        NOT NULL,
    version   int         NOT NULL,
    digest    text        NOT NULL UNIQUE,
    title     text        NOT NULL,
    owner     text        NOT NULL,
    sources   json        NOT NULL,
    frozen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, version)
);
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE ON packs FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON packs FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- what the application may do ---------------------------------------------------------------------------------------
-- It owns nothing. On frozen tables it may look and add, on working tables also change, on erasable ones also delete.

GRANT SELECT, INSERT ON ledger, decisions, gate_changes, packs TO noisegate_app;
GRANT SELECT, INSERT, UPDATE ON
    items, idempotency, assessments, assessment_decisions, gates, cases, events, endpoints, deliveries, api_keys
    TO noisegate_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    item_private, item_assets, results, parts, assessment_details, findings, notices TO noisegate_app;
GRANT DELETE ON idempotency, events, deliveries TO noisegate_app;  -- kept for a while only
