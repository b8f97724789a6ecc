"""Statements, and which of their columns can be NULL: `!` never, `?` perhaps, one mark a column.

`sqlx` says what SQLx's `query!` makes of the same, where it is known to err, with the source.
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = """
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE DOMAIN email AS text NOT NULL CHECK (VALUE LIKE '%@%');
    CREATE DOMAIN score AS integer CHECK (VALUE BETWEEN 0 AND 10);

    CREATE TABLE users (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL,
        nickname text,
        mood mood NOT NULL DEFAULT 'ok',
        contact email,
        address email NOT NULL,
        seen timestamptz,
        created timestamptz NOT NULL DEFAULT now(),
        data jsonb NOT NULL DEFAULT '{}',
        tags text[] NOT NULL DEFAULT '{}'
    );
    CREATE TABLE posts (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        author_id bigint NOT NULL REFERENCES users,
        editor_id bigint REFERENCES users,
        title text NOT NULL,
        body text,
        stars integer,
        slug text GENERATED ALWAYS AS (lower(title)) STORED,
        words integer NOT NULL CHECK (words >= 0),
        checked text CHECK (checked IS NOT NULL AND checked <> ''),
        loose text CHECK (checked <> '')
    );
    CREATE TABLE comments (
        post_id bigint NOT NULL REFERENCES posts,
        number integer NOT NULL,
        text text NOT NULL,
        parent integer,
        PRIMARY KEY (post_id, number)
    );

    CREATE VIEW authors AS
        SELECT u.id, u.name, u.nickname, count(p.id) AS posts, max(p.title) AS last_title
        FROM users u LEFT JOIN posts p ON p.author_id = u.id GROUP BY u.id;
    CREATE VIEW named AS SELECT id, name, nickname FROM users WHERE nickname IS NOT NULL;
    CREATE MATERIALIZED VIEW snapshot AS SELECT id, name FROM users;

    CREATE TABLE events (at date NOT NULL, kind text NOT NULL, note text) PARTITION BY RANGE (at);
    CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');

    CREATE FUNCTION initials(text) RETURNS text LANGUAGE sql STRICT IMMUTABLE
        AS $$ SELECT nullif(substr($1, 1, 1), '') $$;

    CREATE TABLE guarded (id integer PRIMARY KEY, note text, title text NOT NULL);
    CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON guarded
        FOR EACH ROW EXECUTE FUNCTION guard();
    CREATE TABLE ruled (id integer PRIMARY KEY, title text NOT NULL);
    CREATE RULE nothing AS ON INSERT TO ruled DO INSTEAD
        INSERT INTO guarded (id, title) VALUES (NEW.id, NEW.title) RETURNING id, note;
    CREATE VIEW over_ruled AS SELECT id, title FROM ruled;
    CREATE VIEW triggered AS SELECT id, title FROM guarded;
    CREATE TRIGGER instead INSTEAD OF INSERT ON triggered
        FOR EACH ROW EXECUTE FUNCTION guard();
"""

_EXPRESSION = "nullable, as every expression is: docs.rs/sqlx, macro.query, nullability"
_ISSUES = "https://github.com/transact-rs/sqlx/issues"


@dataclass(frozen=True)
class Case:
    """A statement and the truth about its columns."""

    sql: str
    truth: str
    sqlx: str = ""
    ours: str = ""
    """What we say, if that is not the truth: a `?` for a `!`, never the reverse."""
    version: int = 16
    """The first PostgreSQL that takes it."""
    not_null: frozenset[int] = frozenset()
    """The parameters that are promised never to be None."""
    elements: frozenset[int] = frozenset()
    """The array parameters that are promised to hold no None."""


CASES: dict[str, list[Case]] = {
    "columns": [
        Case("SELECT id, name, nickname FROM users", "!!?"),
        Case("SELECT * FROM posts", "!!?!???!!?"),
        Case("SELECT u FROM users u", "!"),
        Case("SELECT u.ctid, u.tableoid FROM users u", "!!"),
        Case("SELECT checked, loose FROM posts", "!?", sqlx="checked nullable: no NOT NULL"),
        Case("SELECT slug FROM posts", "!", ours="?", sqlx="nullable: no NOT NULL"),
        # PostgreSQL stores a NULL that an outer join made in a column of a NOT NULL domain.
        Case("SELECT contact, address FROM users", "?!"),
        Case("SELECT at, kind, note FROM events", "!!?"),
        Case("SELECT id, name FROM snapshot", "??"),
        Case("SELECT relname, reltablespace, relacl FROM pg_class", "!!?"),
    ],
    "outer joins": [
        Case(
            "SELECT u.id, p.title FROM users u LEFT JOIN posts p ON p.author_id = u.id",
            "!?",
            sqlx=f"title not null when the planner turns the join round: {_ISSUES}/367",
        ),
        Case("SELECT u.id, p.title FROM users u RIGHT JOIN posts p ON p.author_id = u.id", "?!"),
        Case("SELECT u.id, p.title FROM users u FULL JOIN posts p ON p.author_id = u.id", "??"),
        Case("SELECT u.id, p.title FROM users u JOIN posts p ON p.author_id = u.id", "!!"),
        Case("SELECT u.id, p.title FROM users u CROSS JOIN posts p", "!!"),
        Case(
            "SELECT u.id, u.name, p.id, p.title, c.number, c.text FROM users u "
            "LEFT JOIN posts p ON p.author_id = u.id LEFT JOIN comments c ON c.post_id = p.id",
            "!!????",
            sqlx=f"the first two nullable, the middle two not null: {_ISSUES}/2796",
        ),
        Case(
            "SELECT p.title, up.created FROM posts p "
            "LEFT JOIN users up ON up.id = p.author_id AND up.name = $1 WHERE p.id = $2",
            "!?",
            sqlx=f"created not null: {_ISSUES}/2127",
        ),
        Case(
            "SELECT p.title, e.name, a.name FROM posts p JOIN users a ON a.id = p.author_id "
            "LEFT JOIN users e ON lower(e.name) = lower(p.title)",
            "!?!",
            sqlx=f"the editor's name not null: {_ISSUES}/3202",
        ),
        Case(
            "SELECT count(*), u.id, u.name FROM posts p LEFT JOIN users u ON u.id = p.editor_id "
            "GROUP BY u.id",
            "!??",
            sqlx=f"id and name not null: {_ISSUES}/3164",
        ),
        Case(
            "SELECT u.id, p.id, c.number FROM users u "
            "LEFT JOIN (posts p JOIN comments c ON c.post_id = p.id) ON p.author_id = u.id",
            "!??",
        ),
        Case(
            "SELECT u.id, p.id, c.number FROM users u LEFT JOIN posts p ON p.author_id = u.id "
            "JOIN comments c ON c.post_id = p.id",
            "!!!",
            sqlx="",
        ),
        Case(
            "SELECT u.id, p.title FROM users u LEFT JOIN posts p ON p.author_id = u.id "
            "WHERE p.words > 10",
            "!!",
        ),
        Case(
            "SELECT u.id, p.title, p.body FROM users u LEFT JOIN posts p ON p.author_id = u.id "
            "WHERE p.id IS NOT NULL",
            "!!?",
        ),
        Case(
            "SELECT u.id, p.title FROM users u LEFT JOIN posts p ON p.author_id = u.id "
            "WHERE p.id IS NULL",
            "!?",
        ),
        Case(
            "SELECT p.title FROM users u LEFT JOIN posts p ON p.author_id = u.id "
            "WHERE p.words > 10 OR u.name = 'x'",
            "?",
        ),
        Case(
            "SELECT p.title FROM users u LEFT JOIN posts p ON p.author_id = u.id "
            "WHERE p.words > 10 OR p.title = 'x'",
            "!",
        ),
        Case(
            "SELECT p.editor_id FROM users u LEFT JOIN posts p ON p.editor_id = u.id "
            "WHERE p.title IS NOT NULL",
            "!",
        ),
        Case("SELECT id FROM users FULL JOIN posts USING (id)", "!", sqlx=_EXPRESSION),
        Case(
            "SELECT coalesce(u.name, p.title) FROM users u FULL JOIN posts p ON p.id = u.id",
            "!",
            sqlx=_EXPRESSION,
        ),
        Case("SELECT p FROM users u LEFT JOIN posts p ON p.author_id = u.id", "?"),
        Case(
            "SELECT u.id, x.title FROM users u LEFT JOIN LATERAL "
            "(SELECT p.title FROM posts p WHERE p.author_id = u.id LIMIT 1) x ON true",
            "!?",
        ),
        Case(
            "SELECT u.id, x.n FROM users u CROSS JOIN LATERAL "
            "(SELECT count(*) AS n FROM posts p WHERE p.author_id = u.id) x",
            "!!",
            sqlx=_EXPRESSION,
        ),
        Case(
            "SELECT u.address, u.contact FROM posts p LEFT JOIN users u ON u.id = p.editor_id", "??"
        ),
    ],
    "conditions": [
        Case("SELECT nickname FROM users WHERE nickname = $1", "!", sqlx="nullable"),
        Case("SELECT nickname FROM users WHERE nickname IS NOT NULL", "!", sqlx="nullable"),
        Case("SELECT nickname FROM users WHERE lower(nickname) LIKE 'a%'", "!"),
        Case("SELECT nickname FROM users WHERE nickname IN ('a', 'b')", "!"),
        Case("SELECT nickname FROM users WHERE nickname = ANY ($1)", "!"),
        Case("SELECT nickname FROM users WHERE nickname <> ALL ($1)", "?"),  # of an empty array
        Case("SELECT nickname FROM users WHERE nickname NOT IN ('a', 'b')", "!"),
        Case("SELECT nickname FROM users WHERE nickname IN (SELECT title FROM posts)", "!"),
        Case("SELECT nickname FROM users WHERE nickname NOT IN (SELECT title FROM posts)", "?"),
        Case("SELECT nickname FROM users WHERE NOT (nickname = 'a')", "!"),
        Case("SELECT nickname FROM users WHERE NOT (nickname IS NULL)", "!"),
        Case("SELECT nickname FROM users WHERE nickname IS DISTINCT FROM 'a'", "?"),
        Case("SELECT nickname FROM users WHERE (nickname = 'a') IS TRUE", "!"),
        Case("SELECT nickname FROM users WHERE (nickname = 'a') IS NOT TRUE", "?"),
        Case("SELECT nickname FROM users WHERE coalesce(nickname, 'a') = 'a'", "?"),
        Case("SELECT nickname FROM users WHERE nickname = 'a' OR id = 1", "?"),
        Case("SELECT editor_id, stars FROM posts WHERE editor_id > stars", "!!"),
        Case(
            "SELECT id, title FROM posts WHERE author_id IN (SELECT id FROM users)",
            "!!",
            sqlx=f"nullable: {_ISSUES}/1634",
        ),
        Case("SELECT data->>'a' FROM users WHERE data->>'a' IS NOT NULL", "!", sqlx=_EXPRESSION),
        Case("SELECT p.stars FROM users u JOIN posts p ON p.stars = u.id", "!"),
        Case("SELECT stars FROM posts WHERE stars BETWEEN 1 AND 5", "!"),
    ],
    "expressions": [
        Case("SELECT 1, 'a', NULL, true", "!!?!", sqlx=_EXPRESSION),
        Case("SELECT upper(name), upper(nickname) FROM users", "!?", sqlx=_EXPRESSION),
        Case("SELECT name || '!', name || nickname FROM users", "!?"),
        Case("SELECT id + 1, id = 1, id IS NULL, stars + 1 FROM posts", "!!!?"),
        Case("SELECT coalesce(nickname, name), coalesce(nickname, contact) FROM users", "!?"),
        Case("SELECT coalesce(nickname, '-') FROM users", "!", sqlx=_EXPRESSION),
        Case("SELECT nullif(name, '') FROM users", "?"),
        Case("SELECT CASE WHEN stars > 3 THEN 'a' ELSE 'b' END FROM posts", "!"),
        Case("SELECT CASE WHEN stars > 3 THEN 'a' END FROM posts", "?"),
        Case("SELECT CASE WHEN body IS NULL THEN '' ELSE body END FROM posts", "!"),
        Case("SELECT CASE WHEN stars > 3 THEN stars ELSE 0 END FROM posts", "!"),
        Case("SELECT CASE WHEN stars > 3 THEN 0 ELSE stars END FROM posts", "?"),
        Case("SELECT CASE mood WHEN 'ok' THEN 1 ELSE 2 END FROM users", "!"),
        Case("SELECT greatest(stars, words), least(stars, editor_id) FROM posts", "!?"),
        Case("SELECT stars IS NOT NULL AND stars > 3, stars > 3 FROM posts", "!?"),
        Case("SELECT stars IS DISTINCT FROM 3 FROM posts", "!"),
        Case("SELECT name LIKE 'a%', nickname ~ 'a' FROM users", "!?"),
        Case(
            "SELECT tags[1], tags[1:2], array_length(tags, 1), cardinality(tags) FROM users", "?!?!"
        ),
        Case("SELECT ARRAY[stars], ROW(stars), ARRAY(SELECT body FROM posts) FROM posts", "!!!"),
        Case("SELECT name = ANY (tags), 'a' = ANY (ARRAY['a', name]) FROM users", "?!"),
        Case("SELECT data->'a', data->>'a', data || '{}', data ? 'a' FROM users", "??!!"),
        Case("SELECT jsonb_build_object('a', nickname), to_jsonb(nickname) FROM users", "!?"),
        Case("SELECT concat(nickname, 'a'), format('%s', nickname) FROM users", "!!"),
        Case("SELECT now(), current_date, current_user, current_schema", "!!!?"),
        Case("SELECT extract(year FROM created), extract(hour FROM created) FROM users", "!?"),
        Case("SELECT date_trunc('day', created), created + interval '1 day' FROM users", "!!"),
        Case("SELECT substring(name FROM 1 FOR 2), substring(name FROM '^a') FROM users", "!?"),
        Case("SELECT regexp_replace(name, 'a', 'b'), regexp_match(name, 'a') FROM users", "!?"),
        Case("SELECT initials(name) FROM users", "?"),
        Case("SELECT id::text, mood::text, data->>'a' FROM users", "!!?"),
        Case("SELECT name::email, stars::score FROM users, posts", "!?"),
        Case("SELECT (ROW(1, NULL::text)).f1, (ROW(1, NULL::text)).f2", "!?"),
        Case("SELECT (id, name) = (1, 'a'), (id, nickname) < (1, 'a') FROM users", "!?"),
        Case("SELECT JSON_OBJECT('a': nickname), JSON_ARRAY(nickname) FROM users", "!!"),
        Case("SELECT gen_random_uuid(), random(), version()", "!!!"),
        Case("SELECT to_char(id, '999'), to_char(created, 'YYYY') FROM users", "!?"),
        Case("SELECT lower(name), lower(int4range(1, 5)) FROM users", "!?"),
        Case("SELECT pg_sleep(0)", "?"),
        Case("SELECT (SELECT name FROM users WHERE id = 1)", "?"),
        Case("SELECT (SELECT count(*) FROM users), (SELECT max(id) FROM users)", "!?"),
        Case("SELECT EXISTS (SELECT FROM users), 1 IN (SELECT id FROM users)", "!!"),
        Case("SELECT 1 IN (SELECT stars FROM posts), 1 > ALL (SELECT id FROM users)", "?!"),
        Case(
            "SELECT 1 IN (SELECT stars FROM posts) FROM users "
            "WHERE id IN (SELECT stars FROM posts)",
            "?",
        ),
    ],
    "aggregates": [
        Case("SELECT count(*), count(nickname) FROM users", "!!", sqlx=f"nullable: {_ISSUES}/864"),
        Case("SELECT sum(words), max(id), array_agg(id), bool_and(true) FROM posts", "????"),
        Case(
            "SELECT author_id, count(*), sum(words), max(stars), array_agg(stars) FROM posts "
            "GROUP BY author_id",
            "!!!?!",
            sqlx=_EXPRESSION,
        ),
        Case("SELECT editor_id, min(title) FROM posts GROUP BY editor_id", "?!"),
        Case("SELECT coalesce(sum(words), 0) FROM posts", "!", sqlx=_EXPRESSION),
        Case("SELECT sum(words) FILTER (WHERE stars > 1) FROM posts GROUP BY author_id", "?"),
        Case("SELECT count(*) FILTER (WHERE stars > 1) FROM posts", "!"),
        Case("SELECT stddev(words), stddev_pop(words) FROM posts GROUP BY author_id", "?!"),
        Case("SELECT string_agg(title, ','), string_agg(body, ',') FROM posts GROUP BY id", "!?"),
        Case(
            "SELECT jsonb_agg(body), json_object_agg(id, body) FROM posts GROUP BY author_id", "!!"
        ),
        Case(
            "SELECT author_id, title, count(*) FROM posts GROUP BY ROLLUP (author_id, title)", "??!"
        ),
        Case(
            "SELECT author_id, title FROM posts GROUP BY GROUPING SETS ((author_id), "
            "(author_id, title))",
            "!?",
        ),
        Case("SELECT sum(words), grouping(author_id) FROM posts GROUP BY ROLLUP (author_id)", "?!"),
        Case("SELECT sum(words) FROM posts GROUP BY GROUPING SETS ((author_id), (title))", "!"),
        Case("SELECT max(stars) FROM posts GROUP BY author_id HAVING max(stars) > 3", "!"),
        Case("SELECT max(stars) FROM posts WHERE stars > 3 GROUP BY author_id", "!"),
        Case("SELECT id, title, body FROM posts GROUP BY id", "!!?"),
        Case("SELECT count(*), $1::text FROM users WHERE nickname = $1", "!?"),
        Case(
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY words) FROM posts GROUP BY id", "!"
        ),
        Case("SELECT DISTINCT ON (author_id) author_id, body FROM posts", "!?"),
    ],
    "window functions": [
        Case("SELECT row_number() OVER (), rank() OVER (ORDER BY id) FROM users", "!!"),
        Case("SELECT lag(id) OVER (), lag(id, 1, 0::bigint) OVER () FROM users", "?!"),
        Case(
            "SELECT first_value(id) OVER (ORDER BY id), nth_value(id, 2) OVER () FROM users", "!?"
        ),
        Case("SELECT sum(words) OVER (), avg(stars) OVER (), count(*) OVER () FROM posts", "!?!"),
        Case(
            "SELECT sum(words) OVER (ORDER BY id ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING), "
            "sum(words) OVER (ORDER BY id ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM posts",
            "?!",
        ),
        Case("SELECT sum(count(*)) OVER () FROM posts GROUP BY author_id", "!"),
    ],
    "subqueries and views": [
        Case("SELECT x.n FROM (SELECT name AS n FROM users) x", "!"),
        Case("WITH x AS (SELECT id, nickname FROM users) SELECT * FROM x", "!?"),
        Case(
            "SELECT id, name, nickname, posts, last_title FROM authors",
            "!!?!?",
            sqlx=f"all nullable: {_ISSUES}/3192",
        ),
        Case("SELECT id, nickname FROM named", "!!", sqlx=f"all nullable: {_ISSUES}/3192"),
        Case("SELECT a.posts FROM users u LEFT JOIN authors a ON a.id = u.id", "?"),
        Case("SELECT column1, column2 FROM (VALUES (1, 'a'), (2, NULL)) v", "!?"),
        Case("SELECT n FROM generate_series(1, 3) n", "!"),
        Case("SELECT n, i FROM unnest(ARRAY[1, 2]) WITH ORDINALITY u (n, i)", "!!"),
        Case("SELECT n FROM unnest('{1,NULL}'::integer[]) n", "?"),
        Case("SELECT n FROM unnest('{1,2}'::integer[]) n", "!"),
        Case("SELECT a, b FROM unnest(ARRAY[1], ARRAY[1, 2]) u (a, b)", "!?", ours="??"),
        Case("SELECT key, value FROM jsonb_each('{}'), users", "!!"),
        Case("SELECT key, value FROM jsonb_each_text('{}')", "!?"),
        Case("SELECT unnest(tags), id FROM users", "?!"),
        Case("SELECT id FROM users UNION SELECT id FROM posts", "!"),
        Case("SELECT name FROM users UNION ALL SELECT nickname FROM users", "?"),
        Case("SELECT nickname FROM users INTERSECT SELECT name FROM users", "!"),
        Case("SELECT name FROM users EXCEPT SELECT nickname FROM users", "!"),
        Case("SELECT contact FROM users UNION SELECT nickname FROM users", "?"),
        Case("SELECT words::bigint FROM posts UNION SELECT 1", "!"),
        Case(
            "WITH RECURSIVE t (n, label) AS (SELECT 1, 'a' UNION ALL "
            "SELECT n + 1, NULL FROM t WHERE n < 5) SELECT n, label FROM t",
            "!?",
        ),
        Case(
            "WITH RECURSIVE thread AS (SELECT number, parent FROM comments WHERE post_id = $1 "
            "UNION ALL SELECT c.number, c.parent FROM comments c JOIN thread t "
            "ON t.number = c.parent) SELECT number, parent FROM thread",
            "!?",
        ),
        Case(
            "WITH RECURSIVE t (a, b, c) AS (SELECT 1, 2, 3 UNION ALL SELECT b, c, NULL FROM t "
            "WHERE a < 9) SELECT a, b, c FROM t",
            "???",
        ),
        Case(
            "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n % 3 + 1 FROM t) "
            "CYCLE n SET looped USING path SELECT n, looped, path FROM t",
            "!!!",
        ),
    ],
    "changes": [
        Case(
            "INSERT INTO users (name, address) VALUES ($1, $2) RETURNING id, name, nickname", "!!?"
        ),
        Case(
            "INSERT INTO comments (post_id, number, text) VALUES (1, 1, 'a') "
            "ON CONFLICT (post_id, number) DO UPDATE SET text = excluded.text "
            "RETURNING text, parent",
            "!?",
        ),
        Case("UPDATE users SET nickname = NULL WHERE nickname = 'a' RETURNING nickname", "?"),
        Case("UPDATE posts SET body = '' WHERE body IS NOT NULL RETURNING id, title, stars", "!!?"),
        Case(
            "UPDATE posts p SET stars = 1 FROM users u WHERE u.id = p.editor_id "
            "RETURNING p.title, u.name, u.nickname",
            "!!?",
        ),
        Case(
            "UPDATE posts p SET stars = 1 FROM users u LEFT JOIN comments c ON c.number = u.id "
            "WHERE u.id = p.author_id RETURNING u.name, c.text",
            "!?",
        ),
        Case("DELETE FROM users WHERE nickname = 'a' RETURNING id, nickname, seen", "!!?"),
        Case("WITH gone AS (DELETE FROM posts RETURNING id, body) SELECT id, body FROM gone", "!?"),
        Case(
            "WITH made AS (INSERT INTO posts (author_id, title, words) VALUES (1, 'a', 1) "
            "RETURNING id, title) SELECT m.id, m.title, u.name FROM made m "
            "LEFT JOIN users u ON u.id = m.id",
            "!!?",
        ),
        Case("INSERT INTO over_ruled (id, title) VALUES (1, 'a') RETURNING id, title", "??"),
        Case("UPDATE named SET nickname = NULL WHERE id = 1 RETURNING id, name, nickname", "!!?"),
        Case("INSERT INTO triggered (id, title) VALUES (1, 'a') RETURNING id, title", "??"),
        Case("INSERT INTO guarded (id, title) VALUES (1, 'a') RETURNING id, title, note", "!!?"),
        Case(
            "UPDATE users SET nickname = 'x' WHERE nickname = 'a' "
            "RETURNING old.nickname, new.nickname, old.id, new.id",
            "!?!!",
            version=18,
        ),
        Case("INSERT INTO guarded VALUES (1, 'a', 'b') RETURNING old.id, new.id", "?!", version=18),
        Case("DELETE FROM users RETURNING old.id, new.id", "!?", version=18),
        Case(
            "MERGE INTO comments c USING posts p ON c.post_id = p.id "
            "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN "
            "INSERT (post_id, number, text) VALUES (p.id, 1, 'a') "
            "RETURNING merge_action(), c.text, c.parent, p.title",
            "!!?!",
            version=17,
        ),
        Case(
            "MERGE INTO comments c USING posts p ON c.post_id = p.id "
            "WHEN MATCHED THEN UPDATE SET text = 'b' WHEN NOT MATCHED BY SOURCE THEN DELETE "
            "RETURNING c.text, p.title",
            "!?",
            version=17,
        ),
    ],
    "parameters": [
        Case("SELECT $1::text, $2::text", "!?", not_null=frozenset({1})),
        Case(
            "SELECT coalesce($1, name), coalesce(nickname, $1) FROM users",
            "!!",
            not_null=frozenset({1}),
        ),
        Case("SELECT coalesce(nickname, $1) FROM users", "?"),
        Case("SELECT n FROM unnest($1::bigint[]) n", "?", not_null=frozenset({1})),
        Case(
            "SELECT n FROM unnest($1::bigint[]) n",
            "!",
            not_null=frozenset({1}),
            elements=frozenset({1}),
        ),
        Case(
            "SELECT id = ANY ($1::bigint[]) FROM users",
            "!",
            not_null=frozenset({1}),
            elements=frozenset({1}),
        ),
        Case("SELECT id FROM users LIMIT $1 OFFSET $2", "!"),
    ],
}
