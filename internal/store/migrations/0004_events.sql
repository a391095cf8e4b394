-- What the outside is told. seq rises in the order of commits, so that whoever has read up to one has missed
-- nothing before it. body is the event's JSON as it is sent.
CREATE TABLE outbox (
    seq   BIGINT PRIMARY KEY,
    id    TEXT   NOT NULL,
    stage TEXT   NOT NULL,
    at    BIGINT NOT NULL,
    body  TEXT   NOT NULL
);
CREATE INDEX outbox_age ON outbox (at);

-- Numbers that only rise.
CREATE TABLE counters (
    name  TEXT   PRIMARY KEY,
    value BIGINT NOT NULL
);

-- How far the reports of each host have been written: boot is a host's life, seq its last report in it.
CREATE TABLE reporters (
    node TEXT   PRIMARY KEY,
    boot TEXT   NOT NULL,
    seq  BIGINT NOT NULL
);

-- Who is told. settings is JSON; secrets is encrypted with a key that the database does not hold. Of targets that
-- the configuration declares (declared = 1) only the state is here. position is the seq they have been told up to.
-- off_why is '' while it is on.
CREATE TABLE targets (
    name          TEXT   PRIMARY KEY,
    declared      BIGINT NOT NULL,
    settings      TEXT   NOT NULL,
    secrets       TEXT   NOT NULL,
    position      BIGINT NOT NULL,
    off_why       TEXT   NOT NULL,
    delivered     BIGINT NOT NULL,
    failed        BIGINT NOT NULL,
    dropped       BIGINT NOT NULL,
    last_error    TEXT   NOT NULL,
    last_error_at BIGINT NOT NULL,
    delivered_at  BIGINT NOT NULL,
    created_at    BIGINT NOT NULL
);

-- History is forgotten by its session's end.
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
