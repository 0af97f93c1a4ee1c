"""``docs/runbooks``: people write what to do, this adds how an alert judges, and the index.

A page is a person's down to its heading ``Figures``; what is below is made from the alert, so that no runbook tells of
a threshold that is not there any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from freehold.paths import PROJECT
from monitoring import rules
from monitoring.model import Alert, Threshold

FOLDER = PROJECT / "docs" / "runbooks"
FIGURES = "## Figures\n"
INDEX = """\
# Runbooks

One page for each alert: what it means, how to see it, what to do, what it is not, and the figures that it judges by.
The alert itself names its page. Commands that begin with `freehold` or `pulumi` are for the control host, those about
`127.0.0.1:9090` and `:9093` for the monitor's node, all others for the node that the alert names. This list and the
figures are written by `python -m monitoring.render`.

`critical`: somebody gets up. `warning`: in working hours. `info`: to know. Nobody is told of a node in maintenance."""


def pages() -> dict[Path, str]:
    """Every page by its path, with its figures as they are now."""
    made = {FOLDER / f"{alert.name}.md": _page(alert) for alert in rules.alerts()}
    return {**made, FOLDER / "README.md": "\n".join((INDEX, *_index())) + "\n"}


def head(path: Path) -> str:
    """What a person wrote; empty where there is no page."""
    return path.read_text(encoding="utf-8").partition(FIGURES)[0] if path.is_file() else ""


def _page(alert: Alert) -> str:
    return "\n".join((head(FOLDER / f"{alert.name}.md") + FIGURES, *_figures(alert))) + "\n"


def _figures(alert: Alert) -> Iterator[str]:
    yield f"Severity `{alert.severity}`. In `monitoring/config.py`:\n"
    yield "| figure | why | source | since |"
    yield "|---|---|---|---|"
    yield _row(f"for {alert.hold.text}", alert.hold)
    for one in alert.limits.values():
        yield _row(f"{one.text} {one.unit}".strip(), one)
    yield "\n```\n" + alert.whole_expr + "\n```"


def _row(figure: str, one: Threshold) -> str:
    return " | ".join((f"| {figure.replace('|', ', ')}", one.why, one.source, f"{one.date} |"))


def _index() -> Iterator[str]:
    for subject in rules.SUBJECTS:
        if subject.alerts:
            yield f"\n## {subject.about}\n"
            yield "| alert | severity | after |"
            yield "|---|---|---|"
            for one in subject.alerts:
                yield f"| [{one.name}]({one.name}.md) | {one.severity} | {one.hold.text} |"
