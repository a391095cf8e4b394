-- Everything with an ARN that is no stage. body is the JSON of live's record, secrets a JSON list of what the
-- record holds apart. gone_at is when it is shown no more, 0 is never.
CREATE TABLE resources (
    type       TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    region     TEXT   NOT NULL,
    account    TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    tags       TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    secrets    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    gone_at    BIGINT NOT NULL,
    PRIMARY KEY (type, id)
);
CREATE INDEX resources_newest ON resources (account, region, type, created_at, id);
CREATE INDEX resources_gone ON resources (gone_at) WHERE gone_at > 0;

-- What a resource names, to find it by: the stage of a composition, the fingerprint of a key.
CREATE TABLE refers (
    type   TEXT NOT NULL,
    id     TEXT NOT NULL,
    role   TEXT NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (type, id, role, target),
    FOREIGN KEY (type, id) REFERENCES resources (type, id) ON DELETE CASCADE
);
CREATE INDEX refers_target ON refers (target, role, type, id);

-- The storage configuration that a stage's recording names, also found there.
ALTER TABLE stages ADD COLUMN storage TEXT NOT NULL DEFAULT '';
CREATE INDEX stages_storage ON stages (storage) WHERE storage <> '';

-- Which resource a caller's token made, and of what request.
CREATE TABLE idempotency (
    account   TEXT   NOT NULL,
    region    TEXT   NOT NULL,
    operation TEXT   NOT NULL,
    token     TEXT   NOT NULL,
    request   TEXT   NOT NULL,
    resource  TEXT   NOT NULL,
    made_at   BIGINT NOT NULL,
    PRIMARY KEY (account, region, operation, token)
);
CREATE INDEX idempotency_age ON idempotency (made_at);

-- Who took part in a session. Truths are 0 or 1.
CREATE TABLE participants (
    session            TEXT   NOT NULL,
    id                 TEXT   NOT NULL,
    stage              TEXT   NOT NULL,
    user_id            TEXT   NOT NULL,
    attributes         TEXT   NOT NULL,
    connected          BIGINT NOT NULL,
    published          BIGINT NOT NULL,
    protocol           TEXT   NOT NULL,
    client             TEXT   NOT NULL,
    recording          TEXT   NOT NULL,
    recording_bucket   TEXT   NOT NULL,
    recording_prefix   TEXT   NOT NULL,
    replication        TEXT   NOT NULL,
    replication_state  TEXT   NOT NULL,
    source_stage       TEXT   NOT NULL,
    source_session     TEXT   NOT NULL,
    redundant          BIGINT NOT NULL,
    ingest             TEXT   NOT NULL,
    joined_at          BIGINT NOT NULL,
    PRIMARY KEY (session, id)
);
CREATE INDEX participants_newest ON participants (session, joined_at, id);

-- What happened to them. Ids rise with time.
CREATE TABLE events (
    session     TEXT   NOT NULL,
    participant TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    id          TEXT   NOT NULL,
    stage       TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    body        TEXT   NOT NULL,
    PRIMARY KEY (session, participant, at, id)
);

-- Participants of one stage shown on another. Stages are ARNs.
CREATE TABLE replications (
    id                  TEXT   PRIMARY KEY,
    participant         TEXT   NOT NULL,
    source_stage        TEXT   NOT NULL,
    source_session      TEXT   NOT NULL,
    destination_stage   TEXT   NOT NULL,
    destination_session TEXT   NOT NULL,
    attributes          TEXT   NOT NULL,
    reconnect_window    BIGINT NOT NULL,
    state               TEXT   NOT NULL,
    started_at          BIGINT NOT NULL,
    ended_at            BIGINT NOT NULL
);
CREATE UNIQUE INDEX replications_active ON replications (source_stage, participant, destination_stage)
    WHERE state = 'ACTIVE';
CREATE INDEX replications_newest ON replications (source_stage, participant, started_at, id);
