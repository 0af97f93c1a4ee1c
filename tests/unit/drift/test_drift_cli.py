"""The table names host, kind and thing; the exit code is the gravest of all nodes; unknown is never clean."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from freehold.cli import build
from freehold.drift import cli, probe
from freehold.drift.probe import Item, Probe
from freehold.status import gather

CLEAN = Probe(reachable=True, generation=3, baseline=True)
EDITED = Probe(
    reachable=True, generation=4, baseline=True, items=(Item("unit", "freehold-gateway.service", "active", "failed"),)
)
AWAY = Probe(reachable=False, error="no route")
RESTING = Probe(reachable=False, error="in maintenance: nothing dials it", maintenance=True)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "fleet.json"
    file.write_text(json.dumps({"hosts": [{"name": "gpu1"}, {"name": "gpu2"}]}))
    return file


def run(monkeypatch: pytest.MonkeyPatch, document: Path, answers: dict[str, Probe], *words: str) -> tuple[int, str]:
    def asked(_: Any, __: Any, *, hosts: list[str] | None) -> dict[str, Probe]:
        return {name: found for name, found in answers.items() if hosts is None or name in hosts}

    monkeypatch.setattr(probe, "run", asked)
    monkeypatch.setattr(gather, "load_document", lambda path: json.loads(path.read_text()))
    done = CliRunner().invoke(build(), ["drift", f"--document={document}", *words])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("other", "code", "says"),
    [
        (CLEAN, 0, "No drift: 2 node(s)"),
        (EDITED, 5, "freehold-gateway.service"),
        (AWAY, 7, "no route"),
        (RESTING, 0, "No drift: 1 node(s) are as their last converge left them. In maintenance, not asked: gpu2."),
        (Probe(reachable=True), 5, "none yet"),
        (Probe(reachable=True, generation=4, baseline=True, unfinished=True), 5, "cut off"),
    ],
)
def test_the_exit_code_and_the_table_are_those_of_the_worst_node(
    monkeypatch: pytest.MonkeyPatch, document: Path, other: Probe, code: int, says: str
) -> None:
    found = run(monkeypatch, document, {"gpu1": CLEAN, "gpu2": other})
    assert found[0] == code
    assert says in found[1]


def test_one_host_can_be_asked_alone(monkeypatch: pytest.MonkeyPatch, document: Path) -> None:
    code, output = run(monkeypatch, document, {"gpu1": CLEAN, "gpu2": EDITED}, "--host=gpu1")
    assert (code, "1 node(s)" in output) == (0, True)


def test_a_host_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, document: Path) -> None:
    done = run(monkeypatch, document, {}, "--host=gpu9")
    assert done[0] != 0


def test_json_has_all_of_it(monkeypatch: pytest.MonkeyPatch, document: Path) -> None:
    _, output = run(monkeypatch, document, {"gpu1": EDITED, "gpu2": AWAY}, "--json")
    hosts = json.loads(output)["hosts"]
    assert hosts["gpu1"]["items"][0]["name"] == "freehold-gateway.service"
    assert (hosts["gpu1"]["clean"], hosts["gpu2"]["clean"]) == (False, False)


def test_drift_and_an_unknown_node_together_are_unknown() -> None:
    assert cli.exit_code({"a": EDITED, "b": AWAY}) == 7


def test_a_node_in_maintenance_hides_no_drift_and_is_shown_as_such(
    monkeypatch: pytest.MonkeyPatch, document: Path
) -> None:
    code, output = run(monkeypatch, document, {"gpu1": EDITED, "gpu2": RESTING})
    assert code == 5
    assert ["gpu2" in line for line in output.splitlines() if "in maintenance" in line] == [True]
    assert cli.exit_code({"a": AWAY, "b": RESTING}) == 7
