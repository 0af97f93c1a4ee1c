"""Questions to a node's ledger as they come over SSH, and the commands that ask them, without the network."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from freehold.errors import RefusedError, UnknownStateError
from freehold.gateway import cli_ledger
from freehold.gateway.remote import Ledgers
from freehold.ledger import clock as clocks
from freehold.ledger.store import Store
from freehold.ledger.usage import UsageRow, insert
from freehold.paths import PROJECT
from freehold.process import Completed

HOST = {"address": "192.0.2.11", "port": 22, "host_key": "ssh-ed25519 AAAA", "maintenance": False}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Nodes:
    """Stands for SSH: runs the real program here, on a ledger a node; ``silent`` ones say nothing."""

    def __init__(self, folder: Path, silent: tuple[str, ...] = ()) -> None:
        self.folder, self.silent = folder, silent

    def __call__(self, args: Any, *, stdin: str | None = None, **_: Any) -> Completed:
        question = json.loads(stdin or "")
        assert question["ledger"] == "/var/lib/freehold/gateway/ledger.sqlite3"
        assert "192.0.2.11" in args[-2]
        if question["node"] in self.silent:
            return Completed(tuple(args), 255, "", "no route")
        question["ledger"] = str(self.folder / question["node"] / "ledger.sqlite3")
        done = subprocess.run(
            [sys.executable, "-m", "freehold.ledger.node"],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": str(PROJECT / "python")},
        )
        return Completed(tuple(args), 0, done.stdout, done.stderr)


def ledgers(tmp_path: Path, *silent: str) -> Ledgers:
    document = {
        "gateway": {"authority": "gpu1"},
        "hosts": [{**HOST, "name": "gpu1"}, {**HOST, "name": "gpu2"}, {**HOST, "name": "gpu3", "maintenance": True}],
    }
    return Ledgers(document, tmp_path / "key", tmp_path / "known_hosts", Nodes(tmp_path, silent))


def test_a_key_is_made_limited_rotated_and_revoked_and_its_digest_is_never_told(tmp_path: Path) -> None:
    fleet = ledgers(tmp_path)
    made = fleet.of_authority(
        "key new", name="alice", sha256=digest("a"), limits={"models": ["m"], "tokens_per_day": 9}
    )
    assert (made["name"], made["tokens_per_day"], json.loads(made["models"])) == ("alice", 9, ["m"])
    fleet.of_authority("key limit", name="alice", limits={"frontier": True})
    fleet.of_authority("key rotate", name="alice", sha256=digest("b"), grace_ms=1000)
    (row,) = fleet.of_authority("key list")
    assert (row["frontier"], row["tokens_per_day"]) == (True, None)
    assert digest("a") not in json.dumps(row)
    fleet.of_authority("key revoke", name="alice", why="left")
    assert fleet.of_authority("key list") == []
    assert fleet.of_authority("key list", revoked=True)[0]["revoked_why"] == "left"


def test_a_refusal_comes_home_as_it_was_said(tmp_path: Path) -> None:
    fleet = ledgers(tmp_path)
    with pytest.raises(RefusedError, match="KEY_UNKNOWN") as refusal:
        fleet.of_authority("key revoke", name="nobody")
    assert refusal.value.subject == "gpu1: key nobody"
    assert "freehold gateway key list" in refusal.value.fix


def test_usage_of_all_nodes_and_the_silent_one_is_an_error_of_its_own(tmp_path: Path) -> None:
    with Store.open(tmp_path / "gpu1" / "ledger.sqlite3") as store:
        now = clocks.of_machine(store).now_ms()
        row = UsageRow("req_1", now, "k", "alice", "/v1/x", "m", "m", "gpu1", "local", 200, prompt=5, completion=7)
        with store.transaction() as connection:
            assert insert(connection, [row]) == 0
    day = now // 86_400_000
    told = ledgers(tmp_path, "gpu2").of_all("usage", first_day=day, last_day=day)
    assert set(told) == {"gpu1", "gpu2"}
    assert isinstance(told["gpu2"], UnknownStateError)
    assert [row["completion_tokens"] for row in told["gpu1"]["rows"]] == [7]


HOUR_MS = 3_600_000


def overtaken(file: Path) -> None:
    """A ledger whose wall clock ran ahead by an hour since its last entry."""
    with Store.open(file) as store:
        clock = clocks.of_machine(store)
        with store.transaction() as connection:
            clock.record(connection)
            connection.execute("UPDATE clock SET ms = ms - ?", (HOUR_MS,))


def command(monkeypatch: pytest.MonkeyPatch, fleet: Ledgers, *words: str) -> tuple[int, str]:
    """``freehold gateway ledger …`` in a fleet; exit code and what it printed or raised."""
    monkeypatch.setattr(cli_ledger, "ledgers", lambda *_: fleet)
    app = typer.Typer()
    cli_ledger.register(app)
    done = CliRunner().invoke(app, ["ledger", *words], prog_name="freehold")
    return done.exit_code, f"{done.output}{done.exception or ''}"


def test_ledgers_are_checked_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = ledgers(tmp_path)
    code, said = command(monkeypatch, fleet, "check")
    assert (code, said.count("agree"), said.count("right")) == (0, 2, 2)
    with Store.open(tmp_path / "gpu2" / "ledger.sqlite3") as store, store.transaction() as connection:
        connection.execute("INSERT INTO frontier_totals VALUES ('day', 20000, 'k', 5, 7)")
    code, said = command(monkeypatch, fleet, "check", "--json")
    assert code == 1
    assert "LEDGER_WRONG gpu2" in said
    assert "rows say None, the sum says (5, 7)" in said
    with pytest.raises(Exception, match="LEDGER_QUESTION"):
        fleet.of_authority("drop table")


def test_a_step_of_the_clock_is_told_and_accepted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet, file = ledgers(tmp_path), tmp_path / "gpu1" / "ledger.sqlite3"
    overtaken(file)
    code, said = command(monkeypatch, fleet, "check")
    assert code == 1
    assert "1.00 h ahead" in said
    assert "accept-clock NODE" in said
    assert "1.00 h forward" in command(monkeypatch, fleet, "accept-clock", "gpu1")[1]
    with Store.open(file) as store:
        clock = clocks.of_machine(store)
        assert clock.stepped
        assert clocks.follow_owner(store, clock)
        assert not clock.stepped
    assert "nothing to do" in command(monkeypatch, fleet, "accept-clock", "gpu1")[1]
