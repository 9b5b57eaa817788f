-- COLLATE "C" everywhere: pages and searches go by the bytes, whatever language the database speaks, and no index leads
-- from a text of one collation to one of another.
--
-- Flags with their evidence and their life; the trail of what happened to them; the imported list; through which
-- integrations accounts were let in. Pages of what is counted up again and again keep room for a row's next version, so
-- that no index has to learn where it went.

-- Who a row of the trail is about. The number is random: once the row here is gone, nobody can tell any more.
CREATE TABLE subject (
    number TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    institution TEXT COLLATE "C" NOT NULL,
    identifier TEXT COLLATE "C" NOT NULL,
    UNIQUE (institution, identifier)
);

CREATE TABLE new_flag (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    institution TEXT COLLATE "C" NOT NULL,
    identifier TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    snoozed_until BIGINT,
    state_before TEXT COLLATE "C",
    assignee TEXT COLLATE "C",
    severity BIGINT NOT NULL,
    confidence BIGINT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    count BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    UNIQUE (institution, identifier)
) WITH (fillfactor = 80);

INSERT INTO subject (number, institution, identifier)
    SELECT substr(md5(random()::text || clock_timestamp()::text || id), 1, 16), institution, identifier FROM flag;
INSERT INTO new_flag (id, institution, identifier, subject, state, severity, confidence, first_seen, last_seen, count,
        opened_at)
    SELECT flag.id, flag.institution, flag.identifier, subject.number, flag.state, flag.severity, 3, flag.first_seen,
        flag.last_seen, flag.count, flag.first_seen
    FROM flag JOIN subject ON subject.institution = flag.institution AND subject.identifier = flag.identifier;

-- Why, by code. What orders the queue stands here once more, so that a page of one reason is as quick as any. A reason
-- tells unless it is over while others are not.
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
    PRIMARY KEY (flag_id, reason)
) WITH (fillfactor = 80);

INSERT INTO new_flag_reason (flag_id, reason, severity, confidence, first_seen, last_seen, count, is_telling,
        flag_institution, flag_state, flag_severity, flag_opened_at)
    SELECT flag_reason.flag_id, flag_reason.reason, flag.severity, 3, flag_reason.first_seen, flag_reason.last_seen,
        flag_reason.count, 1, flag.institution, flag.state, flag.severity, flag.first_seen
    FROM flag_reason JOIN flag ON flag.id = flag_reason.flag_id;

-- Where sign-ins came from: kind is integration, address or operation.
CREATE TABLE flag_source (
    flag_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (flag_id, kind, value)
) WITH (fillfactor = 80);

INSERT INTO flag_source (flag_id, kind, value, first_seen, last_seen, count)
    SELECT flag_id, 'integration', name, first_seen, last_seen, count FROM flag_integration;

DROP TABLE flag_integration;
DROP TABLE flag_reason;
DROP TABLE flag;
ALTER TABLE new_flag RENAME TO flag;
ALTER TABLE new_flag_reason RENAME TO flag_reason;

-- What orders the queue changes when a flag moves, and not each time its account is seen again.
CREATE INDEX flag_queue ON flag (state, severity, opened_at, id);
CREATE INDEX flag_institution_queue ON flag (institution, state, severity, opened_at, id);
CREATE INDEX flag_identifier ON flag (identifier, institution, state, severity, id);
CREATE INDEX flag_snoozed ON flag (snoozed_until) WHERE snoozed_until IS NOT NULL;
CREATE INDEX flag_closed ON flag (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX flag_reason_queue ON flag_reason (reason, flag_state, flag_severity, flag_opened_at, flag_id)
    WHERE is_telling = 1;
CREATE INDEX flag_reason_institution_queue ON flag_reason (reason, flag_institution, flag_state, flag_severity,
    flag_opened_at, flag_id) WHERE is_telling = 1;

-- How many flags there are, kept and not counted. label: all, reason:CODE, severity:NAME.
CREATE TABLE flag_total (
    institution TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    label TEXT COLLATE "C" NOT NULL,
    total BIGINT NOT NULL,
    PRIMARY KEY (institution, state, label)
);

INSERT INTO flag_total (institution, state, label, total)
    SELECT institution, state, 'all', COUNT(*) FROM flag GROUP BY institution, state;
INSERT INTO flag_total (institution, state, label, total)
    SELECT institution, state, 'severity:' || severity, COUNT(*) FROM flag GROUP BY institution, state, severity;
INSERT INTO flag_total (institution, state, label, total)
    SELECT flag.institution, flag.state, 'reason:' || flag_reason.reason, COUNT(*)
    FROM flag JOIN flag_reason ON flag_reason.flag_id = flag.id
    GROUP BY flag.institution, flag.state, flag_reason.reason;

-- What became of the queue, day by day (days since 1970-01-01 in UTC).
CREATE TABLE flag_day (
    day BIGINT NOT NULL,
    institution TEXT COLLATE "C" NOT NULL,
    opened BIGINT NOT NULL,
    closed BIGINT NOT NULL,
    active BIGINT NOT NULL,
    PRIMARY KEY (day, institution)
);

-- Through which integrations the identity service accepted an account, and when last.
CREATE TABLE habit (
    institution TEXT COLLATE "C" NOT NULL,
    identifier TEXT COLLATE "C" NOT NULL,
    integration TEXT COLLATE "C" NOT NULL,
    accepted_at BIGINT NOT NULL,
    PRIMARY KEY (institution, identifier, integration)
);

CREATE INDEX habit_age ON habit (accepted_at);

-- The imported list of accounts that the identity service does not hold.
CREATE TABLE report_row (
    institution TEXT COLLATE "C" NOT NULL,
    identifier TEXT COLLATE "C" NOT NULL,
    first_listed BIGINT NOT NULL,
    last_listed BIGINT NOT NULL,
    PRIMARY KEY (institution, identifier)
);

CREATE TABLE report_alias (
    institution TEXT COLLATE "C" NOT NULL,
    alias TEXT COLLATE "C" NOT NULL,
    identifier TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (institution, alias, identifier)
);

CREATE INDEX report_alias_owner ON report_alias (institution, identifier);

-- Files that were imported, by their digest.
CREATE TABLE report_file (
    institution TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    imported_at BIGINT NOT NULL,
    listed BIGINT NOT NULL,
    PRIMARY KEY (institution, digest)
);

-- Whoever did something to a flag, and what they wrote about it: both can be erased, the trail keeps their numbers.
CREATE TABLE actor (
    number TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE note (
    number TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    subject TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL
);

CREATE INDEX note_subject ON note (subject);

CREATE TABLE trail (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    flag_id TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    state_before TEXT COLLATE "C" NOT NULL,
    state_after TEXT COLLATE "C" NOT NULL,
    reasons TEXT COLLATE "C" NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    assignee TEXT COLLATE "C",
    snoozed_until BIGINT,
    note TEXT COLLATE "C" NOT NULL
);

CREATE INDEX trail_flag ON trail (flag_id, seq);
CREATE INDEX trail_age ON trail (at);

-- Numbers are given in the write that uses them: there is no hole, and whoever holds the row writes alone.
CREATE TABLE trail_head (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    seq BIGINT NOT NULL
);

INSERT INTO trail_head (one, seq) VALUES (1, 0);

-- Behind a horizon the trail may be removed. Horizons are rows like those of the trail: never changed, never removed.
CREATE TABLE trail_horizon (
    horizon BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL
);

CREATE FUNCTION refuse_trail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the trail is append-only';
END
$$;

CREATE FUNCTION refuse_trail_before_horizon() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM trail_horizon WHERE horizon > OLD.at) THEN
        RAISE EXCEPTION 'the trail is append-only';
    END IF;
    RETURN OLD;
END
$$;

-- By the database's own clock: thirty days are always kept.
CREATE FUNCTION refuse_near_horizon() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.horizon > (EXTRACT(EPOCH FROM clock_timestamp())::bigint - 30 * 86400) * 1000 THEN
        RAISE EXCEPTION 'the trail of the last thirty days is kept';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER trail_is_not_changed BEFORE UPDATE ON trail FOR EACH ROW EXECUTE FUNCTION refuse_trail();
CREATE TRIGGER trail_is_not_removed BEFORE DELETE ON trail FOR EACH ROW EXECUTE FUNCTION refuse_trail_before_horizon();
CREATE TRIGGER trail_is_not_emptied BEFORE TRUNCATE ON trail FOR EACH STATEMENT EXECUTE FUNCTION refuse_trail();
CREATE TRIGGER trail_horizon_is_not_changed BEFORE UPDATE OR DELETE ON trail_horizon
    FOR EACH ROW EXECUTE FUNCTION refuse_trail();
CREATE TRIGGER trail_horizon_is_not_emptied BEFORE TRUNCATE ON trail_horizon
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_trail();
CREATE TRIGGER trail_horizon_is_far BEFORE INSERT ON trail_horizon
    FOR EACH ROW EXECUTE FUNCTION refuse_near_horizon();
