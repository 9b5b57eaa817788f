-- The queue by account. As by severity, the flags of one kind stand side by side in the order of their pages: what a
-- filter leaves is some such stretches of an index, however few or many of all flags they are. A reason's rows hold the
-- account's identifier for it.

-- Whoever writes flags on another node waits, so that none is written between the copy and its taking the place.
UPDATE trail_head SET seq = seq WHERE one = 1;

CREATE TABLE new_flag_reason (
    flag_id TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    severity BIGINT NOT NULL,
    confidence BIGINT NOT NULL,
    integration TEXT COLLATE "C",
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    count BIGINT NOT NULL,
    cleared_at BIGINT,
    is_telling BIGINT NOT NULL,
    flag_institution TEXT COLLATE "C" NOT NULL,
    flag_state TEXT COLLATE "C" NOT NULL,
    flag_severity BIGINT NOT NULL,
    flag_opened_at BIGINT NOT NULL,
    -- Empty only while an older backup is restored.
    flag_identifier TEXT COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (flag_id, reason)
) WITH (fillfactor = 80);

INSERT INTO new_flag_reason (flag_id, reason, severity, confidence, integration, first_seen, last_seen, count,
        cleared_at, is_telling, flag_institution, flag_state, flag_severity, flag_opened_at, flag_identifier)
    SELECT flag_reason.flag_id, flag_reason.reason, flag_reason.severity, flag_reason.confidence,
        flag_reason.integration, flag_reason.first_seen, flag_reason.last_seen, flag_reason.count,
        flag_reason.cleared_at, flag_reason.is_telling, flag_reason.flag_institution, flag_reason.flag_state,
        flag_reason.flag_severity, flag_reason.flag_opened_at, flag.identifier
    FROM flag_reason JOIN flag ON flag.id = flag_reason.flag_id
    ORDER BY flag_reason.flag_id, flag_reason.reason;

DROP TABLE flag_reason;
ALTER TABLE new_flag_reason RENAME TO flag_reason;

CREATE INDEX flag_reason_queue ON flag_reason (reason, flag_state, flag_severity, flag_opened_at, flag_id)
    WHERE is_telling = 1;
CREATE INDEX flag_reason_institution_queue ON flag_reason (reason, flag_institution, flag_state, flag_severity,
    flag_opened_at, flag_id) WHERE is_telling = 1;
CREATE INDEX flag_reason_account ON flag_reason (reason, flag_state, flag_severity, flag_identifier, flag_institution,
    flag_id) WHERE is_telling = 1;
CREATE INDEX flag_reason_institution_account ON flag_reason (reason, flag_institution, flag_state, flag_severity,
    flag_identifier, flag_id) WHERE is_telling = 1;
CREATE INDEX flag_account ON flag (state, severity, identifier, institution, id);
CREATE INDEX flag_institution_account ON flag (institution, state, severity, identifier, id);

-- Only where all are wanted, of whatever kind.
DROP INDEX flag_identifier;
CREATE INDEX flag_identifier ON flag (identifier, institution, id);
