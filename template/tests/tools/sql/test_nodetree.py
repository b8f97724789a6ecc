"""The reader of node trees, against made-up text and everything that a server has stored."""

from __future__ import annotations

import pytest

from tools.sql import nodetree
from tools.sql.catalogue import Connection
from tools.sql.nodetree import Node, NodeTreeError

STORED = [
    "SELECT ev_action::text FROM pg_rewrite",
    "SELECT prosqlbody::text FROM pg_proc WHERE prosqlbody IS NOT NULL",
    "SELECT adbin::text FROM pg_attrdef",
    "SELECT conbin::text FROM pg_constraint WHERE conbin IS NOT NULL",
    "SELECT indpred::text FROM pg_index WHERE indpred IS NOT NULL",
    "SELECT tgqual::text FROM pg_trigger WHERE tgqual IS NOT NULL",
]


def test_a_node_has_a_tag_and_fields() -> None:
    [node] = nodetree.parse_nodes("({VAR :varno 1 :varnullingrels (b 3 5) :inh true :alias <>})")

    assert node.tag == "VAR"
    assert node.integer("varno") == 1
    assert node.integers("varnullingrels") == [3, 5]
    assert node.flag("inh")
    assert node.node("alias") is None


def test_what_is_missing_reads_as_empty() -> None:
    node = Node("VAR", {"varno": "x"})

    assert node.integer("varno", default=7) == 7
    assert node.integer("varattno") == 0
    assert node.nodes("args") == []
    assert node.integers("args") == []
    assert node.texts("args") == []
    assert node.text("name") is None
    assert not node.flag("inh")


def test_a_constant_has_several_values() -> None:
    [node] = nodetree.parse_nodes("{CONST :constisnull false :constvalue 4 [ 1 0 -1 0 ]}")

    assert node.fields["constvalue"] == ("4", "[", "1", "0", "-1", "0", "]")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\ b", "a b"),
        (r"\"x\(\)\{\}", '"x(){}'),
        (r"\1st", "1st"),
        (r"\<>", "<>"),
        (":x", ":x"),
        ('""', ""),
        ("naïve", "naïve"),
        ("a\u00a0b", "a\u00a0b"),
    ],
)
def test_names_are_unescaped(written: str, meant: str) -> None:
    text = f'{{ALIAS :aliasname {written} :colnames ("{written if meant else ""}" "b")}}'

    [node] = nodetree.parse_nodes(text)

    assert node.text("aliasname") == meant
    assert node.texts("colnames") == [meant, "b"]
    assert nodetree.dump(node) == text


@pytest.mark.parametrize("text", ["", "{", "{VAR", "{VAR :a 1))", "({VAR)}", "{VAR 1}", "1 2"])
def test_what_is_no_tree_is_refused(text: str) -> None:
    with pytest.raises(NodeTreeError):
        nodetree.parse(text)


async def test_everything_that_a_server_stores_is_written_as_it_was(
    connection: Connection,
) -> None:
    await connection.execute(
        """
        CREATE TABLE "odd (name)" (
            "a b" integer DEFAULT 1 + 1,
            "{x}" text CHECK ("{x}" <> E'\\\\ "quoted"' AND "{x}" ~ '^\\('),
            ":colon" text GENERATED ALWAYS AS (upper("{x}")) STORED,
            "1st" text
        );
        """
    )
    await connection.execute(
        """
        CREATE VIEW "<>" AS
            SELECT t."a b" AS "<x>", t.":colon" AS "-1", ARRAY[1.5, NULL], '\\x00ff'::bytea
            FROM "odd (name)" AS t WHERE t."1st" = E'tab\\t newline\\n';
        CREATE FUNCTION body(integer) RETURNS integer LANGUAGE sql
            BEGIN ATOMIC SELECT 1; SELECT $1 + 2; END;
        """
    )
    trees = [record[0] for sql in STORED for record in await connection.fetch(sql)]

    assert len(trees) > 200
    for tree in trees:
        assert nodetree.dump(nodetree.parse(tree)) == tree


async def test_walk_finds_every_node(connection: Connection) -> None:
    tree = await connection.fetchval(
        "SELECT ev_action::text FROM pg_rewrite ORDER BY length(ev_action::text) DESC LIMIT 1"
    )

    found = list(nodetree.walk(nodetree.parse(tree)))

    assert len(found) == tree.count("{")
    assert found[0].tag == "QUERY"
