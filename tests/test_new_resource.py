"""`app new resource` writes code that the service's own tools and tests find nothing wrong with."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import Render, check, check_tests, files_in, git
from tests.variants import Answers

TYPES = ("line", "text", "int", "bigint", "bool", "numeric", "date", "timestamptz", "uuid")

IN_A_LOOP = """

domains = [auth, users]
for domain in domains:
    router.include_router(domain.router)
"""


@pytest.mark.parametrize(
    ("answers", "name", "fields"),
    [
        pytest.param({}, "books", ["title:line?"], id="as small as can be"),
        pytest.param(
            {
                "id_type": "bigserial",
                "jwt_algorithm": "RS256",
                "auth_transport": "cookie",
                "example_resource": False,
                "rate_limit_store": "valkey",
                "telemetry": "otlp",
            },
            "customer_invoice_payment_terms",
            [*(f"a_{kind}:{kind}" for kind in TYPES), *(f"any_{kind}:{kind}?" for kind in TYPES)],
            id="all types, and long names",
        ),
    ],
)
def test_a_new_resource_is_clean_and_passes_its_tests(
    answers: Answers,
    name: str,
    fields: list[str],
    render: Render,
    tools: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    service = render(answers)

    new_resource(tools, service, name, fields)

    check(tools / "ruff", "format", "--check", "--diff", "--no-cache", cwd=service)
    check(tools / "ruff", "check", "--no-cache", cwd=service)
    cache = tmp_path_factory.getbasetemp() / "mypy"
    check(tools / "mypy", "--cache-dir", str(cache), cwd=service)
    check(tools / "python", "-m", "app", "sql", "check", cwd=service)
    tests = (f"tests/api/test_{name}.py", "tests/api/test_openapi.py")
    check_tests(tools / "python", "-m", "pytest", "--quiet", *tests, cwd=service)


def test_a_dry_run_shows_the_change_as_git_applies_it(
    render: Render, tools: Path, tmp_path: Path
) -> None:
    service = render({})
    # People put their routers together in ways of their own.
    api = service / "app" / "api.py"
    head, _, _ = api.read_text().partition("router.include_router")
    api.write_text(head.rstrip() + IN_A_LOOP)
    before = files_in(service)

    patch = new_resource(tools, service, "books", ["title:line"], "--dry-run")

    assert files_in(service) == before
    (tmp_path / "patch").write_text(patch)
    git("apply", str(tmp_path / "patch"), cwd=service)
    added = {Path(path).name for path in files_in(service) - before}
    assert added > {"__init__.py", "ids.py", "queries.py", "routes.py", "test_books.py"}
    assert api.read_text().endswith(IN_A_LOOP + "router.include_router(books.router)\n")


def new_resource(
    tools: Path, service: Path, name: str, fields: Sequence[str], *options: str
) -> str:
    """Run the command, and return what it prints."""
    command = ("-m", "app", "new", "resource", name, *fields, *options)
    done = subprocess.run(
        [tools / "python", *command], cwd=service, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
