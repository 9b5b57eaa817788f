-- Who still calls: counters by UTC day (its number since 1970-01-01) and integration ('' for calls without one).
-- `dimension` is 'all', 'account', 'agent', 'operation' or 'source'. Of each there are some rows with a value, and one
-- row where `others` is 1 with everything else: together they are the row of 'all', call by call. Only accounts have
-- an institution.

CREATE TABLE usage (
    day BIGINT NOT NULL,
    integration TEXT NOT NULL,
    dimension TEXT NOT NULL,
    others BIGINT NOT NULL,
    institution TEXT NOT NULL,
    value TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    accepted BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    unanswered BIGINT NOT NULL,
    PRIMARY KEY (day, integration, dimension, others, institution, value)
);

-- For taking one account's rows out.
CREATE INDEX usage_account ON usage (institution, value) WHERE dimension = 'account';
