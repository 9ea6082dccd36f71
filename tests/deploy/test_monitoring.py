"""Scrape, alert rules and dashboard speak of what the programs export, and of a runbook that is there."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.reading import DEPLOY, ROOT, dashboard, exported, headings, queries, read_yaml, rules

PROMETHEUS = DEPLOY / "prometheus"
BY_PROMETHEUS = {"job", "instance", "le"}


def _named(text: str) -> set[str]:
    return set(re.findall(r"\bbl2sm_\w+", text))


@pytest.mark.parametrize("name", ["alerts.yml", "alerts_test.yml", "dashboard"])
def test_every_metric_that_is_asked_for_is_exported(name: str) -> None:
    text = json.dumps(dashboard()) if name == "dashboard" else (PROMETHEUS / name).read_text()
    assert _named(text)
    assert _named(text) <= exported().keys()


def test_queries_group_by_labels_that_the_metric_has() -> None:
    for title, query in [*queries(), *((rule["alert"], rule["expr"]) for rule in rules())]:
        known = BY_PROMETHEUS.union(*(exported()[name] for name in _named(query)))
        used = {label for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", query) for label in labels.split(", ")}
        used |= set(re.findall(r"(\w+)=~?\"", query))
        assert used <= known, title


def test_every_alert_says_what_it_is_what_to_do_and_where_to_read_on() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    anchors = headings()
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "look"}
        assert {"summary", "description", "runbook"} == rule["annotations"].keys()
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (ROOT / page).is_file()
        assert anchor in anchors, rule["alert"]


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    (content,) = read_yaml(PROMETHEUS / "alerts_test.yml")
    firing = json.dumps([test for test in content["tests"] if test["name"] != "all is well"])
    assert {rule["alert"] for rule in rules() if rule["alert"] not in firing} == set()


@pytest.fixture(scope="module")
def promtool() -> str:
    """Prometheus' own checker."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    return found


def test_promtool_finds_the_files_right_and_the_rules_fire_as_their_cases_say(promtool: str) -> None:
    for arguments in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        ended = subprocess.run([promtool, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_promtool_understands_every_query_of_the_dashboard(promtool: str, tmp_path: Path) -> None:
    records = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, (_, query) in enumerate(queries())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": records}]}))
    ended = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_dashboard_uses_the_provisioned_datasource_and_its_panels_do_not_overlap() -> None:
    (provisioned,) = read_yaml(DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml")
    uids = {source["uid"] for source in provisioned["datasources"]}
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] in uids
            assert panel["description"], panel["title"]
            assert {target["datasource"]["uid"] for target in panel["targets"]} <= uids


def test_what_is_scraped_are_the_services_of_compose_and_of_kubernetes_at_their_port() -> None:
    (config,) = read_yaml(PROMETHEUS / "prometheus.yml")
    assert set(config["rule_files"]) == {"alerts.yml"}
    (compose,) = read_yaml(ROOT / "docker-compose.yml")
    for job in config["scrape_configs"]:
        (found,) = job["dns_sd_configs"]
        assert found["names"] == [job["job_name"]]
        assert compose["services"][job["job_name"]]["environment"]["HTTP_PORT"] == str(found["port"])
        kubernetes = read_yaml(DEPLOY / "kubernetes" / "base" / f"{job['job_name']}.yaml")
        service = next(one for one in kubernetes if one["kind"] == "Service")
        assert service["metadata"]["name"] == job["job_name"]
        assert service["spec"]["ports"][0]["port"] == found["port"]
