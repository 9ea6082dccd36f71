"""The Kubernetes manifests: names, references, ports and settings fit each other and the programs."""

import shutil
import subprocess
from typing import Any

import pytest
import yaml

from operations.cli import COMMANDS
from runtime.settings import REQUIRED, SECRETS, load_settings, setting_names
from tests.deploy.reading import DEPLOY, ROOT, read_yaml

FOLDER = DEPLOY / "kubernetes"
PROGRAMS = ["producer", "processor"]


def _of_kind(kind: str) -> list[dict[str, Any]]:
    files = sorted((FOLDER / "base").glob("*.yaml"))
    return [found for file in files for found in read_yaml(file) if found["kind"] == kind]


def _named(kind: str, name: str) -> dict[str, Any]:
    return next(found for found in _of_kind(kind) if found["metadata"]["name"] == name)


@pytest.fixture(params=PROGRAMS)
def deployment(request: pytest.FixtureRequest) -> dict[str, Any]:
    return _named("Deployment", request.param)


def _pod(deployment: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return found


def _container(deployment: dict[str, Any]) -> dict[str, Any]:
    (found,) = _pod(deployment)["containers"]
    return dict(found)


def test_every_file_is_part_of_it() -> None:
    for folder in ("base", "example"):
        (content,) = read_yaml(FOLDER / folder / "kustomization.yaml")
        named = {*content["resources"], *(patch["path"] for patch in content.get("patches", []))}
        there = {path.name for path in (FOLDER / folder).glob("*.yaml")} - {"kustomization.yaml"}
        assert {name for name in named if not name.startswith("..")} == there


def test_a_pod_that_is_broken_or_stopped_is_noticed_by_the_programs_own_health(deployment: dict[str, Any]) -> None:
    container = _container(deployment)
    (port,) = container["ports"]
    settings = _named("ConfigMap", "bl2sm-settings")["data"]
    assert str(port["containerPort"]) == settings["HTTP_PORT"]
    for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        assert container[probe]["httpGet"] == {"path": path, "port": port["name"]}
    assert container["args"][0] in COMMANDS


def test_settings_are_settings_and_nothing_that_a_program_needs_is_missing(deployment: dict[str, Any]) -> None:
    container = _container(deployment)
    (example,) = read_yaml(FOLDER / "example" / "settings.yaml")
    data = {**_named("ConfigMap", "bl2sm-settings")["data"], **example["data"]}
    assert container["envFrom"] == [{"configMapRef": {"name": "bl2sm-settings"}}]
    known = {*setting_names(), *(f"{name}_FILE" for name in SECRETS)}
    files = {one["name"]: one["value"] for one in container["env"]}
    assert {*data, *files} <= known
    assert not {name for name in data if name in SECRETS}, "secrets are no ConfigMap's"
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    (secret,) = [volume for volume in _pod(deployment)["volumes"] if "secret" in volume]
    there = {f"{mounted[secret['name']]}/{item['path']}" for item in secret["secret"]["items"]}
    assert set(files.values()) == there
    need = deployment["metadata"]["name"]
    given = {name.removesuffix("_FILE"): "1-2-secret" for name in files}
    assert set(REQUIRED[need]) <= {*given, *data}
    load_settings({**data, **given}, env_file=None, need=need)


def test_every_secret_that_the_example_makes_is_used() -> None:
    text = (FOLDER / "example" / "kustomization.yaml").read_text()
    used = {
        item["key"]
        for deployment in _of_kind("Deployment")
        for volume in _pod(deployment)["volumes"]
        for item in volume.get("secret", {}).get("items", [])
    }
    assert {part.split("=", 1)[1] for part in text.split() if part.startswith("--from-file=")} == used


def test_pods_have_no_more_rights_than_they_need(deployment: dict[str, Any]) -> None:
    pod, container = _pod(deployment), _container(deployment)
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False, "a service named kafka would set KAFKA_PORT"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert f"--uid {pod['securityContext']['runAsUser']} " in (ROOT / "Dockerfile").read_text()
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    writable = [volume["name"] for volume in pod["volumes"] if "emptyDir" in volume]
    assert {mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in writable} == {"/tmp"}


def test_selectors_of_deployments_services_and_budgets_choose_their_pods(deployment: dict[str, Any]) -> None:
    name, labels = deployment["metadata"]["name"], deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    budget, service = _named("PodDisruptionBudget", name)["spec"], _named("Service", name)["spec"]
    assert budget["selector"]["matchLabels"] == service["selector"] == labels
    assert service["publishNotReadyAddresses"] is True, "a paused program's metrics are wanted most"
    assert deployment["spec"]["replicas"] - budget["maxUnavailable"] >= 1
    (spread,) = _pod(deployment)["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == labels


def test_a_pod_has_the_time_to_finish_that_compose_gives(deployment: dict[str, Any]) -> None:
    (compose,) = read_yaml(ROOT / "docker-compose.yml")
    least = int(compose["services"]["processor"]["stop_grace_period"].removesuffix("s"))
    assert _pod(deployment)["terminationGracePeriodSeconds"] >= least


def test_kustomize_builds_the_example() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    command = [kubectl, "kustomize", str(FOLDER / "example")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    built = list(yaml.safe_load_all(ended.stdout))
    assert {one["metadata"]["namespace"] for one in built if one["kind"] != "Namespace"} == {"bl2sm"}
    images = {_container(one)["image"] for one in built if one["kind"] == "Deployment"}
    assert images == {"registry.example.com/baselinker-salesmanago:0.1.0"}
