"""The alerts and the dashboard ask for metrics that there are."""

import json
import re
from collections import defaultdict
from typing import Any, Final

import promql_parser
import yaml
from httpx import AsyncClient
from prometheus_client.parser import text_string_to_metric_families

from app.settings import Settings
from tests.support.processes import PROJECT, environment_of, serving

MONITORING = PROJECT / "monitoring"

TARGET: Final = {"job", "instance"}
"""The labels that Prometheus itself gives to what it scrapes."""


def alerts() -> dict[str, str]:
    document = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
    return {rule["alert"]: rule["expr"] for group in document["groups"] for rule in group["rules"]}


def panels() -> dict[str, str]:
    document = json.loads((MONITORING / "dashboard.json").read_text())
    return {
        f"{panel['title']} {target['refId']}": as_grafana_sends(target["expr"])
        for panel in document["panels"]
        for target in panel.get("targets", [])
    }


def as_grafana_sends(expression: str) -> str:
    return re.sub(r"\$(job|instance)\b", ".+", expression.replace("$__rate_interval", "1m"))


def labels_asked_for(expression: str) -> dict[str, set[str]]:
    """The metrics that an expression reads, each with the labels that it filters them by."""
    found: dict[str, set[str]] = defaultdict(set)

    def note(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            assert node.name, "a selector without the name of a metric"
            found[node.name] |= {matcher.name for matcher in node.matchers.matchers}

    promql_parser.walk(promql_parser.parse(expression), note)
    return found


async def scraped(settings: Settings) -> dict[str, set[str]]:
    """The metrics of a service, each with its labels."""
    found = defaultdict(set, up=set(TARGET))
    async with serving(environment_of(settings)) as (process, url), AsyncClient() as client:
        metrics = await process.printed(r'"url": "(http://[^"]+/metrics)"')
        await client.get(f"{url}/livez")
        text = (await client.get(metrics[1])).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] |= TARGET | set(sample.labels)
    return found


async def test_every_query_reads_metrics_and_labels_that_there_are(settings: Settings) -> None:
    there = await scraped(settings)

    for title, expression in (alerts() | panels()).items():
        for metric, labels in labels_asked_for(expression).items():
            assert metric in there, f"{title}: there is no {metric}"
            assert labels <= there[metric], f"{title}: {metric} has no {labels - there[metric]}"


def test_every_alert_says_what_to_do() -> None:
    document = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
    for group in document["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
            assert rule["annotations"].keys() == {"summary", "description"}, rule["alert"]
