-- What is stored of a password is a hash, $argon2id$…, whatever the code does.
-- NOT VALID: for rows that are written from now on; those there are, are looked at later, unlocked.
ALTER TABLE users
    ADD CONSTRAINT users_password_hash_check
    CHECK (password_hash ~ '^\$[a-z0-9-]+\$') NOT VALID;
