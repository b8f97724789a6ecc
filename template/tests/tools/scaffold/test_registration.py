"""Where a resource's router is added, in what people make of app/api.py."""

import pytest

from app.cli.failure import Failure
from tests.support.processes import PROJECT
from tools.scaffold.registration import registered

IMPORTED = "from app.books import routes as books\n"
INCLUDED = "router.include_router(books.router)\n"

API = """\
from fastapi import APIRouter

from app.auth import routes as auth
from app.users import routes as users

router = APIRouter()
"""


def test_it_is_added_to_the_services_own() -> None:
    before = (PROJECT / "app" / "api.py").read_text()

    after = registered(before, "books")

    assert IMPORTED in after
    assert after.endswith(INCLUDED)
    assert after.replace(IMPORTED, "").replace(INCLUDED, "") == before


def test_a_second_time_changes_nothing() -> None:
    once = registered(API, "books")

    assert registered(once, "books") == once


@pytest.mark.parametrize(
    "imported",
    ["from app.books import routes", "from app.books.routes import router", "import app.books"],
)
def test_what_is_imported_already_is_left_alone(imported: str) -> None:
    assert registered(f"{imported}\n", "books") == f"{imported}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", "", id="no inclusion yet"),
        pytest.param(
            "for domain in (auth, users):\n    router.include_router(domain.router)\n",
            "",
            id="a loop",
        ),
        pytest.param(
            'if auth:\n    router.include_router(\n        auth.router, prefix="/a",\n    )\n',
            "\n\ndef more() -> None: ...\n",
            id="a condition, and something after it",
        ),
        pytest.param(
            'admin = APIRouter()\nrouter.include_router(admin)  # "é"\n',
            "admin.include_router(users.router)\n",
            id="another router",
        ),
    ],
)
def test_it_comes_last_of_what_is_included(before: str, after: str) -> None:
    found = registered(f"{API}{before}{after}", "books")

    assert found.endswith(f"{before}{INCLUDED}{after}")
    assert "as auth\nfrom app.books import routes as books\nfrom app.users" in found


def test_a_router_with_a_type_is_found() -> None:
    text = API.replace("router = APIRouter()", "router: APIRouter = APIRouter()")

    assert registered(text, "books").endswith(f"APIRouter()\n{INCLUDED}")


def test_a_file_without_a_last_newline_is_no_obstacle() -> None:
    assert registered(API.rstrip(), "books").endswith(f"\n{INCLUDED}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "^app/api.py makes no router at its top level"),
        ("def make():\n    router = 1\n", "^app/api.py makes no router at its top level"),
        (f"{API}books = users\n", "^app/api.py calls something else books"),
    ],
)
def test_where_there_is_no_place_it_says_what_to_add_by_hand(text: str, said: str) -> None:
    with pytest.raises(Failure, match=said) as refused:
        registered(text, "books")

    assert f"add `{IMPORTED.strip()}` to its imports" in str(refused.value)
    assert f"`{INCLUDED.strip()}`" in str(refused.value)


def test_what_is_no_python_is_said_to_be_none() -> None:
    with pytest.raises(Failure, match=r"^app/api\.py:2 is no Python"):
        registered("\nrouter = (\n", "books")
