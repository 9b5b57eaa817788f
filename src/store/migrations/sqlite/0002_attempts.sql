-- Attempts at identity services: counts and times only, nothing of a password.

CREATE TABLE attempt_account (
    institution TEXT NOT NULL,
    identifier TEXT NOT NULL,
    last_success BIGINT,
    touched_at BIGINT NOT NULL,
    PRIMARY KEY (institution, identifier)
);

CREATE INDEX attempt_account_age ON attempt_account (touched_at);

CREATE TABLE attempt_slot (
    id TEXT NOT NULL PRIMARY KEY,
    institution TEXT NOT NULL,
    identifier TEXT NOT NULL,
    at BIGINT NOT NULL,
    caller TEXT NOT NULL,
    kind TEXT NOT NULL,
    refused BIGINT NOT NULL
);

CREATE INDEX attempt_slot_account ON attempt_slot (institution, identifier, at);

-- Identifiers that are known to be another's: one person's share one budget.
CREATE TABLE attempt_alias (
    institution TEXT NOT NULL,
    identifier TEXT NOT NULL,
    person TEXT NOT NULL,
    PRIMARY KEY (institution, identifier)
);
