-- Times are microseconds since 1970 in UTC. JSON is kept as text: no query looks inside it.

CREATE TABLE stages (
    id         TEXT   PRIMARY KEY,
    region     TEXT   NOT NULL,
    account    TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    tags       TEXT   NOT NULL,
    recording  TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX stages_newest ON stages (account, region, created_at, id);

-- Who may not join a stage, until every token of theirs has expired.
CREATE TABLE barred (
    stage       TEXT   NOT NULL REFERENCES stages (id) ON DELETE CASCADE,
    participant TEXT   NOT NULL,
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (stage, participant)
);
CREATE INDEX barred_expiry ON barred (expires_at);

-- Sessions outlive their stage: its history stays readable. ended_at is NULL while a session lasts.
CREATE TABLE sessions (
    id         TEXT   PRIMARY KEY,
    stage      TEXT   NOT NULL,
    node       TEXT   NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT
);
CREATE UNIQUE INDEX sessions_active ON sessions (stage) WHERE ended_at IS NULL;
CREATE INDEX sessions_newest ON sessions (stage, started_at, id);
CREATE INDEX sessions_open_on ON sessions (node) WHERE ended_at IS NULL;

-- Keys that the server makes for itself, once.
CREATE TABLE server_keys (
    name       TEXT   PRIMARY KEY,
    secret     TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

-- A row is taken for the time of a transaction by whoever must count before adding.
CREATE TABLE locks (
    name  TEXT   PRIMARY KEY,
    taken BIGINT NOT NULL
);
