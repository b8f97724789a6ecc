-- What is stored of a refresh token is its SHA-256. By itself, since no two tables should be locked
-- against the service at once.
ALTER TABLE refresh_tokens
    ADD CONSTRAINT refresh_tokens_hash_check
    CHECK (octet_length(hash) = 32 AND octet_length(successor_hash) = 32) NOT VALID;
