"""Metrics, alerts and dashboard against Debian's own promtool and Prometheus."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from skryba.metrics.catalogue import CATALOGUE
from skryba.metrics.endpoint import Endpoint
from skryba.terms import SocketAddress
from tests.support.baresip import free_port
from tests.support.promql import alert_expressions, dashboard_expressions
from tests.support.scrape import busy_collector, busy_keeper

pytestmark = pytest.mark.wire

Found = TypeVar("Found")

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint(SocketAddress("127.0.0.1", 0), busy_collector())
    made.start()
    yield made
    made.stop()


def promtool(*words: str, text: str | None = None) -> str:
    done = subprocess.run(["promtool", *words], input=text, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_exposition_has_no_fault_that_promtool_finds(endpoint: Endpoint) -> None:
    with urllib.request.urlopen(f"http://{endpoint.address}/metrics", timeout=5) as answer:
        page = answer.read().decode()
    assert "skryba_calls_active" in page
    assert promtool("check", "metrics", text=page) == ""


def test_the_keepers_exposition_names_every_metric_of_its_own(tmp_path: Path) -> None:
    endpoint = Endpoint(SocketAddress("127.0.0.1", 0), busy_keeper())
    endpoint.start()
    try:
        with urllib.request.urlopen(f"http://{endpoint.address}/metrics", timeout=5) as answer:
            page = answer.read().decode()
    finally:
        endpoint.stop()
    assert {name for metric in CATALOGUE if metric.keeper for name in metric.series if f"\n{name}" not in page} == set()
    assert promtool("check", "metrics", text=page) == ""


def test_example_files_are_valid() -> None:
    assert "rules found" in promtool("check", "rules", str(EXAMPLES / "alerts.yaml"))
    assert "is valid" in promtool("check", "config", str(EXAMPLES / "prometheus.yml"))


def test_every_expression_of_the_dashboard_parses(tmp_path: Path) -> None:
    expressions = dashboard_expressions(EXAMPLES / "grafana.json")
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(expressions)]
    path = tmp_path / "panels.json"  # JSON is YAML
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    assert f"{len(expressions)} rules found" in promtool("check", "rules", str(path))


class Prometheus:
    """A real server with the example's rules, scraping one target each second."""

    def __init__(self, folder: Path, target: SocketAddress) -> None:
        self._address = f"127.0.0.1:{free_port()}"
        config = (EXAMPLES / "prometheus.yml").read_text(encoding="utf-8")
        config = (
            config.replace("15s", "1s")
            .replace('"127.0.0.1:9464", "127.0.0.1:9465"', f'"{target}"')
            .replace("alerts.yaml", str(EXAMPLES / "alerts.yaml"))
        )
        (folder / "prometheus.yml").write_text(config, encoding="utf-8")
        self._log = folder / "prometheus.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address={self._address}",
                ],
                stdout=log,
                stderr=log,
                cwd=folder,
            )

    def ask(self, path: str, **query: str) -> Any:
        words = urllib.parse.urlencode(query)
        with urllib.request.urlopen(f"http://{self._address}/api/v1/{path}?{words}", timeout=5) as answer:
            return json.loads(answer.read())["data"]

    def until(self, wanted: Callable[[], Found]) -> Found:
        deadline = time.monotonic() + 30
        while True:
            try:
                if found := wanted():
                    return found
            except OSError:
                assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.2)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def test_a_real_prometheus_scrapes_us_and_evaluates_every_alert(tmp_path: Path, endpoint: Endpoint) -> None:
    server = Prometheus(tmp_path, endpoint.address)
    try:
        series = server.until(lambda: server.ask("query", query="skryba_calls_active")["result"])
        assert {(each["metric"]["state"], each["metric"].get("trunk"), each["value"][1]) for each in series} == {
            ("active", "carrier", "2"),
            ("active", None, "1"),
        }

        def evaluated() -> list[dict[str, Any]]:
            rules = [rule for group in server.ask("rules")["groups"] for rule in group["rules"]]
            return rules if rules and all(rule["health"] != "unknown" for rule in rules) else []

        rules = server.until(evaluated)
        assert len(rules) == len(alert_expressions(EXAMPLES / "alerts.yaml"))
        assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}

        def alerting() -> list[dict[str, str]]:
            return [alert["labels"] for alert in server.ask("alerts")["alerts"]]

        assert [(labels["alertname"], labels.get("trunk")) for labels in server.until(alerting)] == [
            ("SkrybaTrunkDown", "pbx")
        ]
        scraped = set(server.ask("label/__name__/values"))
        assert {name for metric in CATALOGUE if not metric.keeper for name in metric.series} - scraped == set()
        for expression in dashboard_expressions(EXAMPLES / "grafana.json"):
            assert server.ask("query", query=expression)["resultType"] == "vector"
    finally:
        server.stop()
