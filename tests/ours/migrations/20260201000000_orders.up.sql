CREATE TABLE orders (id bigint PRIMARY KEY, title text NOT NULL);
INSERT INTO orders VALUES (1, 'The first');
