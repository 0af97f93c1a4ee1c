"""Does a test notice when an alert is broken? ``python -m tests.live.monitoring.mutations [ALERT ...]``, some minutes.

Every figure of an alert is made larger and smaller by half (one with 0: by one; lists of Xids: one goes), its patience
is stretched and taken away, maintenance is forgotten, its severity changed: each time its own tests have to fail.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import yaml
from monitoring import render, rules
from monitoring.model import Alert, Recording, Subject, Threshold
from tests.live.monitoring.promtool import RULES, alert_tests, files, promtool, world

FACTOR = 1.5
LONGER = "7h"
Change = tuple[str, Subject]


def other_values(one: Threshold) -> list[float | str]:
    """The same figure, broken."""
    if isinstance(one.value, float | int):
        return [one.value * FACTOR, one.value / FACTOR] if one.value else [1]
    first, bar, rest = one.value.partition("|")
    if bar or first.isdecimal():
        return [rest or "0"]
    return [LONGER if one.value != LONGER else "1m"]


def changed_alerts(alert: Alert) -> Iterator[tuple[str, Alert]]:
    """The alert, broken in one way each."""
    for name, limit in alert.limits.items():
        for value in other_values(limit):
            if f"[[{name}]]" in alert.expr:
                yield f"{name}={value}", replace(alert, limits={**alert.limits, name: replace(limit, value=value)})
    yield f"for={LONGER}", replace(alert, hold=replace(alert.hold, value=LONGER))
    if alert.hold.value != "0s":
        yield "for=0s", replace(alert, hold=replace(alert.hold, value="0s"))
    if alert.per_node:
        yield "no maintenance", replace(alert, per_node=False)
    yield "severity", replace(alert, severity="info" if alert.severity != "info" else "critical")


def changed_recordings(recording: Recording) -> Iterator[tuple[str, Recording]]:
    """A recorded series whose figures are broken."""
    for name, limit in recording.limits.items():
        for value in other_values(limit):
            yield f"{name}={value}", replace(recording, limits={**recording.limits, name: replace(limit, value=value)})


def changes(subject: Subject, wanted: set[str]) -> Iterator[tuple[str, str, Subject]]:
    """(rule, what is broken, the subject with it)."""
    for index, alert in enumerate(subject.alerts):
        if not wanted or alert.name in wanted:
            for what, broken in changed_alerts(alert):
                around = subject.alerts
                yield alert.name, what, replace(subject, alerts=(*around[:index], broken, *around[index + 1 :]))
    for index, one in enumerate(subject.recorded):
        if not wanted or one.name in wanted:
            for what, other in changed_recordings(one):
                beside = subject.recorded
                yield one.name, what, replace(subject, recorded=(*beside[:index], other, *beside[index + 1 :]))


def tests_of(name: str, subject: str) -> Mapping[str, str]:
    """The cases that ask for the alert; of what is recorded, all of files that load its subject."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in files()}
    if ":" in name:
        return {file: text for file, text in texts.items() if f"/{subject}.yml" in text}
    asking = {path.name for path in files() if name in {one["alertname"] for one in alert_tests([path])}}
    return {file: _only(text, name) for file, text in texts.items() if file in asking}


def _only(text: str, name: str) -> str:
    page = yaml.safe_load(text)
    cases = [test for test in page["tests"] if name in str(test)]
    return yaml.safe_dump({**page, "tests": cases})


def is_noticed(name: str, subject: Subject, folder: Path) -> bool:
    """Whether a test fails with the broken rule."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in RULES.glob("*.yml")}
    texts[f"{subject.name}.yml"] = render.rule_file(subject)
    paths = world(folder, texts, tests_of(name, subject.name))
    done = promtool("test", "rules", *paths)
    return done.returncode != 0 and "FAILED" in done.stdout + done.stderr


def main(wanted: set[str]) -> int:
    """Print what nobody noticed and the sum; exit status 1 where there is any."""
    tried, missed = 0, []
    for subject in rules.SUBJECTS:
        for name, what, broken in changes(subject, wanted):
            with tempfile.TemporaryDirectory() as folder:
                tried += 1
                if not is_noticed(name, broken, Path(folder)):
                    missed.append(f"{name}: {what}")
                    print("not noticed:", missed[-1], flush=True)
    print(f"{tried} changes, {tried - len(missed)} noticed, {len(missed)} not")
    return bool(missed) or not tried


if __name__ == "__main__":
    sys.exit(main(set(sys.argv[1:])))
