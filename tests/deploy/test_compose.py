"""The compose file's optional services: started only when asked for, reachable from this machine only."""

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.deploy.reading import DEPLOY, ROOT, read_yaml

OPTIONAL = {
    "console": "console",
    "prometheus": "monitoring",
    "grafana": "monitoring",
    "kafka-ui": "tools",
    "bl2sm": "tools",
    "alerts": "alerts",
}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    (compose,) = read_yaml(ROOT / "docker-compose.yml")
    found: dict[str, Any] = compose["services"]
    return found


def test_nothing_optional_runs_by_default(services: dict[str, Any]) -> None:
    assert {name: services[name].get("profiles") for name in OPTIONAL} == {
        name: [profile] for name, profile in OPTIONAL.items()
    }
    assert not any(services[name].get("profiles") for name in ("kafka", "producer", "processor"))


def test_pages_are_open_on_this_machine_only_and_images_have_a_version(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", [])), name
        if "baselinker-salesmanago" not in service["image"]:
            assert service["image"].rpartition(":")[2] not in {"", "latest", service["image"]}, name


def test_secrets_by_file_reach_every_program_that_asks_the_apis(services: dict[str, Any]) -> None:
    (overlay,) = read_yaml(DEPLOY / "compose.secrets.yml")
    ask = {name for name, service in services.items() if "env_file" in service} - {"alerts"}
    assert overlay["services"].keys() == ask


def test_kafka_ui_looks_at_the_programs_broker_and_registry(services: dict[str, Any]) -> None:
    ui, program = services["kafka-ui"]["environment"], services["processor"]["environment"]
    assert ui["KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS"] == program["KAFKA_BOOTSTRAP_SERVERS"]
    assert ui["KAFKA_CLUSTERS_0_SCHEMAREGISTRY"] == program["SCHEMA_REGISTRY_URL"]
    assert ui["KAFKA_CLUSTERS_0_READONLY"] == "true"


def test_what_is_mounted_is_there(services: dict[str, Any]) -> None:
    for name in ("prometheus", "grafana"):
        mounted = [volume.split(":")[0] for volume in services[name]["volumes"] if volume.startswith("./")]
        assert mounted
        assert all((ROOT / path).is_dir() for path in mounted)
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert f"./deploy/grafana/dashboards:{home.rpartition('/')[0]}:ro" in services["grafana"]["volumes"]
    (provider,) = read_yaml(ROOT / "deploy" / "grafana" / "provisioning" / "dashboards" / "bl2sm.yml")
    assert home.startswith(provider["providers"][0]["options"]["path"] + "/")


def test_compose_itself_understands_the_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    profiles = [part for name in sorted(set(OPTIONAL.values())) for part in ("--profile", name)]
    command = [docker, "compose", *profiles, "config", "--format", "json"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert OPTIONAL.keys() <= json.loads(ended.stdout)["services"].keys()
