"""The expressions within alerts and dashboard files."""

import json
from pathlib import Path
from typing import Any


def alert_expressions(path: Path) -> list[str]:
    """Of a rule file in the form this repository writes: `expr: …` on one line, or `expr: |` and deeper lines."""
    found: list[str] = []
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.strip().startswith("expr:"):
            indent = len(line) - len(line.lstrip())
            value = line.split("expr:", 1)[1].strip()
            found.append(" ".join(_block(lines, indent)) if value == "|" else value)
    return found


def _block(lines: Any, indent: int) -> list[str]:
    """Ends with the line that follows it, which is never an expression."""
    block = []
    for line in lines:
        if len(line) - len(line.lstrip()) <= indent:
            break
        block.append(line.strip())
    return block


def dashboard_expressions(path: Path) -> list[str]:
    """With Grafana's variables filled in."""
    panels = json.loads(path.read_text(encoding="utf-8"))["panels"]
    expressions = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    return [expression.replace("$instance", ".*").replace("$__rate_interval", "1m") for expression in expressions]
