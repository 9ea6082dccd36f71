"""The deployment's files, parsed, and the metrics that the programs really export."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.metrics import MetricWrapperBase

from runtime.metrics import Metrics

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OPERATIONS = ROOT / "docs" / "operations.md"


def read_yaml(path: Path) -> list[Any]:
    """Return every document of a file."""
    return list(yaml.safe_load_all(path.read_text()))


def rules() -> list[dict[str, Any]]:
    """Return every alert rule."""
    (content,) = read_yaml(DEPLOY / "prometheus" / "alerts.yml")
    return [rule for group in content["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    """Return the Grafana dashboard."""
    found: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboards" / "bl2sm.json").read_text())
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Yield panel title and PromQL of everything the dashboard asks."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def exported() -> dict[str, set[str]]:
    """Return series name → its own labels, for all that `/metrics` can show."""
    declared, found = Metrics(), dict[str, set[str]]()
    for field in declared.__dataclass_fields__:
        metric = getattr(declared, field)
        if isinstance(metric, MetricWrapperBase):
            found |= {name: set(metric._labelnames) for name in _series(metric)}
    return found


def _series(metric: Any) -> list[str]:
    (family,) = metric.describe()
    ends = {"counter": ["_total", "_created"], "histogram": ["_bucket", "_sum", "_count", "_created"]}
    return [family.name + end for end in ends.get(family.type, [""])]


def headings(page: Path = OPERATIONS) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    return {anchor(title) for title in re.findall(r"^#{1,4} (.+)$", page.read_text(), re.MULTILINE)}


def anchor(title: str) -> str:
    """Return a heading's anchor."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
