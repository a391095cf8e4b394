-- Access keys beside the root pair. secret and token are encrypted with a key that the database does not hold;
-- token is empty for a lasting key. policies is a JSON list of documents. expires_at 0 is never. Whoever changes
-- this table takes the lock "access-keys", so that its count tells whether anything has changed.
CREATE TABLE access_keys (
    id         TEXT   PRIMARY KEY,
    name       TEXT   NOT NULL,
    secret     TEXT   NOT NULL,
    token      TEXT   NOT NULL,
    policies   TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
