-- Times are milliseconds since 1970-01-01T00:00:00Z; yes and no are 1 and 0; identifiers are case-folded by the program.

CREATE TABLE account (
    institution TEXT NOT NULL,
    identifier TEXT NOT NULL,
    hash TEXT,
    must_change BIGINT NOT NULL,
    locked BIGINT NOT NULL,
    disabled BIGINT NOT NULL,
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (institution, identifier)
);

-- `identifier` is the folded part of `name` between AlmaSDK- and -institutionCode-: two spellings are one integration.
CREATE TABLE integration (
    institution TEXT NOT NULL,
    identifier TEXT NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    previous_hash TEXT,
    previous_until BIGINT,
    disabled BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (institution, identifier)
);

-- Integrations that were let in, registered or not: those an identity service checks are registered nowhere.
CREATE TABLE integration_accepted (
    institution TEXT NOT NULL,
    identifier TEXT NOT NULL,
    name TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (institution, identifier)
);

CREATE TABLE flag (
    id TEXT NOT NULL PRIMARY KEY,
    institution TEXT NOT NULL,
    identifier TEXT NOT NULL,
    state TEXT NOT NULL,
    severity BIGINT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    count BIGINT NOT NULL,
    UNIQUE (institution, identifier)
);

CREATE INDEX flag_queue ON flag (severity DESC, last_seen DESC, id);

CREATE TABLE flag_reason (
    flag_id TEXT NOT NULL REFERENCES flag (id) ON DELETE CASCADE,
    reason TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (flag_id, reason)
);

CREATE TABLE flag_integration (
    flag_id TEXT NOT NULL REFERENCES flag (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (flag_id, name)
);

-- What was changed, for every process that keeps something in memory. AUTOINCREMENT: a number is never given twice,
-- also when the newest row has been removed.
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    institution TEXT NOT NULL,
    subject TEXT NOT NULL
);
