"""The Kubernetes manifests, as kustomize builds them, against schemas and restricted profile.

No cluster is to be had in these tests. kustomize is its own program, or that of kubectl.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from packaging.version import Version

from tests.conftest import Render
from tests.variants import VARIANTS, Answers

Manifest = dict[str, Any]

PARTS = ("migration", "service")

WANTED = {
    "migration": {"ConfigMap", "Job"},
    "service": {
        "ConfigMap",
        "Deployment",
        "HorizontalPodAutoscaler",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
    },
}


def kustomize() -> list[str]:
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    if shutil.which("kubectl"):
        return ["kubectl", "kustomize"]
    if os.environ.get("SLIPWAY_REQUIRE_KUSTOMIZE"):
        pytest.fail("there is neither kustomize nor kubectl, and SLIPWAY_REQUIRE_KUSTOMIZE is set")
    pytest.skip("neither kustomize nor kubectl is installed: the manifests can't be built")


def releases() -> list[str]:
    """The current release of Kubernetes, as far as the schemas know, and two before."""
    newest = Version(kubernetes_validate.latest_version())
    return [f"{newest.major}.{newest.minor - back}.0" for back in range(3)]


@pytest.fixture(
    scope="module",
    params=[variant for variant in VARIANTS if variant.answers["deploy"] == "kubernetes"],
    ids=lambda variant: variant.name,
)
def answers(request: pytest.FixtureRequest) -> Answers:
    answers: Answers = request.param.answers
    return answers


@pytest.fixture(scope="module")
def folder(answers: Answers, render: Render) -> Path:
    return render(answers) / "kubernetes"


@pytest.fixture(scope="module")
def built(folder: Path) -> dict[str, list[Manifest]]:
    """The manifests of each part."""
    command = kustomize()
    return {part: build(command, folder / part) for part in PARTS}


def build(command: list[str], folder: Path) -> list[Manifest]:
    done = subprocess.run([*command, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "kustomize warns"
    return list(yaml.safe_load_all(done.stdout))


def one(manifests: list[Manifest], kind: str) -> Manifest:
    (found,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


def pod(manifests: list[Manifest], kind: str) -> Manifest:
    spec: Manifest = one(manifests, kind)["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("release", releases())
def test_each_file_is_right_by_the_schemas(folder: Path, release: str) -> None:
    """Also where there is no kustomize: it adds names, labels and settings to them."""
    files = [path for path in folder.rglob("*.yaml") if path.name != "kustomization.yaml"]
    manifests = [yaml.safe_load(path.read_text()) for path in files]
    kinds = {manifest["kind"] for manifest in manifests}
    assert kinds == set.union(*WANTED.values()) - {"ConfigMap"}
    for manifest in manifests:
        kubernetes_validate.validate(manifest, release, strict=True)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_builds_what_is_wanted(built: dict[str, list[Manifest]], part: str) -> None:
    assert {manifest["kind"] for manifest in built[part]} == WANTED[part]


@pytest.mark.parametrize("release", releases())
def test_the_manifests_are_right_by_the_schemas(
    built: dict[str, list[Manifest]], release: str
) -> None:
    for manifest in built["migration"] + built["service"]:
        kubernetes_validate.validate(manifest, release, strict=True)


def test_a_field_that_there_is_not_would_be_found(built: dict[str, list[Manifest]]) -> None:
    wrong = one(built["service"], "Deployment")
    wrong = wrong | {"spec": wrong["spec"] | {"replcas": 3}}
    with pytest.raises(kubernetes_validate.ValidationError, match="replcas"):
        kubernetes_validate.validate(wrong, releases()[0], strict=True)


@pytest.mark.parametrize(("part", "kind"), [("migration", "Job"), ("service", "Deployment")])
def test_the_pods_keep_to_the_restricted_profile(
    built: dict[str, list[Manifest]], part: str, kind: str
) -> None:
    # https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    spec = pod(built[part], kind)
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] != 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert all(volume.keys() == {"name", "secret"} for volume in spec["volumes"])
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not any("hostPort" in port for port in container.get("ports", []))


def test_the_migration_has_the_image_settings_and_secrets_of_the_service(
    built: dict[str, list[Manifest]],
) -> None:
    def shared(spec: Manifest) -> list[Any]:
        (container,) = spec["containers"]
        return [
            container["image"],
            container["envFrom"],
            container["volumeMounts"],
            spec["volumes"],
            spec["securityContext"],
        ]

    migration, service = pod(built["migration"], "Job"), pod(built["service"], "Deployment")
    assert shared(migration) == shared(service)
    assert one(built["migration"], "ConfigMap") == one(built["service"], "ConfigMap")


def test_what_selects_pods_selects_those_of_the_service(built: dict[str, list[Manifest]]) -> None:
    service = built["service"]
    deployment = one(service, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    for selector in (
        deployment["spec"]["selector"]["matchLabels"],
        one(service, "Service")["spec"]["selector"],
        one(service, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one(service, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector
        assert selector.items() <= labels
    target = one(service, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert target["name"] == deployment["metadata"]["name"]


def test_a_stop_has_the_time_that_it_needs(built: dict[str, list[Manifest]]) -> None:
    settings = one(built["service"], "ConfigMap")["data"]
    shutdown_timeout = 25  # the setting's default
    needed = float(settings["SHUTDOWN_DELAY"]) + shutdown_timeout
    assert pod(built["service"], "Deployment")["terminationGracePeriodSeconds"] >= needed + 10
