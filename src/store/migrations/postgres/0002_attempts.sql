-- Attempts at identity services: counts and times only, nothing of a password. A subject is a digest of an institution
-- and an identifier: what somebody types as a name may be a password in the wrong field.

CREATE TABLE attempt_account (
    subject TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    last_success BIGINT,
    touched_at BIGINT NOT NULL
);

CREATE INDEX attempt_account_age ON attempt_account (touched_at);

CREATE TABLE attempt_slot (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    subject TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    caller TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    refused BIGINT NOT NULL
);

CREATE INDEX attempt_slot_subject ON attempt_slot (subject, at);

-- Subjects that are known to be another's: one person's share one budget.
CREATE TABLE attempt_alias (
    subject TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    person TEXT COLLATE "C" NOT NULL
);
