-- Reads every row, and keeps nobody from reading or writing meanwhile.
ALTER TABLE users VALIDATE CONSTRAINT users_password_hash_check;
ALTER TABLE refresh_tokens VALIDATE CONSTRAINT refresh_tokens_hash_check;
