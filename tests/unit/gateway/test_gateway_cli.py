"""The commands: a key is shown once with its digest, and `serve` refuses what it cannot serve."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from freehold.errors import FreeholdError, PartialError, UnknownStateError, UsageError
from freehold.gateway import cli, cli_keys
from freehold.gateway.keys import new_key


@pytest.fixture
def app() -> typer.Typer:
    built = typer.Typer()
    built.callback()(lambda: None)
    cli.register(built)
    return built


class Authority:
    """Stands for the node that keeps the keys; remembers what it was asked."""

    document: ClassVar[dict[str, Any]] = {"hosts": [{"name": "gpu1"}, {"name": "gpu2"}, {"name": "gpu3"}]}

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.silent: dict[str, float | None] = {}  # seconds since these were heard
        self.down: FreeholdError | None = None
        self.row: dict[str, Any] = {}

    def of_authority(self, do: str, /, **question: Any) -> Any:
        if do == "key reached":
            assert (question["version"], question["nodes"]) == (7, ["gpu1", "gpu2", "gpu3"])
            if self.down:
                raise self.down
            return {
                node: {"knows": node not in self.silent, "heard_seconds": self.silent.get(node, 0.3)}
                for node in question["nodes"]
            }
        self.asked.append((do, question))
        row = {"name": "me", "origin": "made", "models": None, "requests_per_minute": 60, "tokens_per_day": None}
        row |= {
            "concurrent": None,
            "frontier": False,
            "expires_ms": None,
            "revoked_ms": None,
            "revoked_why": "",
            "version": 7,
        }
        row |= self.row
        return [row] if do == "key list" else row


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch) -> Authority:
    made = Authority()
    monkeypatch.setattr(cli_keys, "ledgers", lambda *_: made)
    return made


def test_a_new_key_is_shown_once_and_only_its_digest_is_sent(app: typer.Typer, authority: Authority) -> None:
    words = ["gateway", "key", "new", "me", "--requests-per-minute", "60", "--expires", "2026-12-31", "--json"]
    made = json.loads(CliRunner().invoke(app, words).stdout)
    assert re.fullmatch(r"fh-[A-Za-z0-9_-]{43}", made["key"])
    ((do, question),) = authority.asked
    assert (do, question["name"], question["limits"]["requests_per_minute"]) == ("key new", "me", 60)
    assert question["sha256"] == hashlib.sha256(made["key"].encode()).hexdigest()
    assert question["expires_ms"] == 1_798_761_600_000  # the end of that day, UTC
    assert made["key"] not in str(question)


def test_a_key_is_let_see_the_status_page_by_its_maker_alone(app: typer.Typer, authority: Authority) -> None:
    for words in (
        ["new", "me", "--status"],
        ["limit", "me", "--status"],
        ["limit", "me", "--no-status"],
        ["new", "me"],
    ):
        assert CliRunner().invoke(app, ["gateway", "key", *words]).exit_code == 0
    assert [question["limits"]["status"] for _, question in authority.asked] == [True, True, False, False]
    authority.row = {"status": 1}
    assert "may see it" in CliRunner().invoke(app, ["gateway", "key", "list"]).stdout
    authority.row = {"status": 0}
    assert "may see it" not in CliRunner().invoke(app, ["gateway", "key", "list"]).stdout


def test_a_key_is_made_and_changed_with_the_same_options(app: typer.Typer, authority: Authority) -> None:
    words = ["me", "--model", "m", "--model", "n", "--requests-per-minute", "6", "--tokens-per-day", "7"]
    words += ["--concurrent", "8", "--frontier", "--frontier-tokens-per-day", "9", "--frontier-usd-per-month", "1.5"]
    words += ["--expires", "2026-12-31", "--status"]
    wanted = {"models": ["m", "n"], "requests_per_minute": 6, "tokens_per_day": 7, "concurrent": 8, "frontier": True}
    wanted |= {"frontier_tokens_per_day": 9, "frontier_nano_usd_per_month": 1_500_000_000, "status": True}
    for command in ("new", "limit"):
        assert CliRunner().invoke(app, ["gateway", "key", command, *words]).exit_code == 0
        assert authority.asked[-1][1]["limits"] == wanted
        assert authority.asked[-1][1]["expires_ms"] == 1_798_761_600_000
        bad = CliRunner().invoke(app, ["gateway", "key", command, "me", "--expires", "soon"])
        assert isinstance(bad.exception, UsageError)


def test_a_key_is_rotated_with_time_to_change_over(app: typer.Typer, authority: Authority) -> None:
    shown = CliRunner().invoke(app, ["gateway", "key", "rotate", "me", "--grace-hours", "2"]).stdout
    assert shown.count("fh-") == 1
    assert authority.asked[0][1]["grace_ms"] == 7_200_000


def test_the_list_is_a_table_for_people(app: typer.Typer, authority: Authority) -> None:
    shown = CliRunner().invoke(app, ["gateway", "key", "list"]).stdout
    assert [word for word in ("me", "made", "60", "never", "good") if word not in shown] == []
    assert authority.asked == [("key list", {"revoked": False})]


def test_a_revocation_says_where_the_key_is_closed(app: typer.Typer, authority: Authority) -> None:
    done = CliRunner().invoke(app, ["gateway", "key", "revoke", "me"])
    assert done.stdout == "me: revoked; closed on gpu1, gpu2, gpu3\n"
    assert done.exit_code == 0
    assert authority.asked == [("key revoke", {"name": "me", "why": ""})]


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (40.2, "gpu3 has not been heard of for 40 s"),
        (None, "gpu3 was never heard of"),
        (0.2, "gpu3 is heard, but has not taken it over yet"),
    ],
)
def test_a_revocation_that_a_gateway_did_not_hear_is_not_done(
    app: typer.Typer, authority: Authority, ago: float | None, words: str
) -> None:
    authority.silent = {"gpu3": ago}
    done = CliRunner().invoke(app, ["gateway", "key", "revoke", "me"])
    assert done.stdout == f"me: revoked; closed on gpu1, gpu2; {words}: it may still open there\n"
    assert isinstance(done.exception, PartialError)
    assert (done.exception.code, done.exception.found) == ("KEY_STILL_OPEN", words)
    assert "systemctl stop freehold-gateway" in done.exception.fix
    told = json.loads(CliRunner().invoke(app, ["gateway", "key", "revoke", "me", "--json"]).stdout)
    assert told["gateways"]["gpu3"] == {"knows": False, "heard_seconds": ago}
    assert told["gateways"]["gpu1"]["knows"]


def test_a_key_of_the_stack_may_be_taken_out_there(app: typer.Typer, authority: Authority) -> None:
    authority.row = {"origin": "declared"}
    authority.silent = {"gpu3": 40.0}
    done = CliRunner().invoke(app, ["gateway", "key", "revoke", "me"])
    assert "it stays revoked though the stack still declares it" in done.stdout
    assert isinstance(done.exception, PartialError)
    assert "pulumi config rm --path fleet:api_keys.me" in done.exception.fix


def test_an_authority_that_cannot_be_asked_how_far_it_got_is_said_so(app: typer.Typer, authority: Authority) -> None:
    authority.down = UnknownStateError("LEDGER_UNREACHABLE", "gpu1", "timed out")
    done = CliRunner().invoke(app, ["gateway", "key", "revoke", "me"])
    assert "how far it got is not known (LEDGER_UNREACHABLE: timed out)" in done.stdout
    assert isinstance(done.exception, PartialError)


def test_new_limits_and_a_new_key_say_where_they_are_in_force(app: typer.Typer, authority: Authority) -> None:
    authority.silent = {"gpu3": 40.0}
    for words, shown in (
        (["limit", "me"], "in force on gpu1, gpu2; gpu3 has not been heard of for 40 s"),
        (["new", "me"], "it opens gpu1, gpu2; gpu3 has not been heard of for 40 s"),
        (["rotate", "me"], "it opens gpu1, gpu2; gpu3"),
    ):
        done = CliRunner().invoke(app, ["gateway", "key", *words])
        assert shown in done.stdout
        assert done.exit_code == 0


def test_a_date_that_is_none_is_refused(app: typer.Typer, authority: Authority) -> None:
    done = CliRunner().invoke(app, ["gateway", "key", "new", "me", "--expires", "soon"])
    assert isinstance(done.exception, UsageError)
    assert authority.asked == []


def test_no_two_keys_are_alike() -> None:
    assert len({new_key() for _ in range(100)}) == 100


def serve(config: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "freehold", "gateway", "serve", "--config", str(config)]
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False, env={**os.environ, **environ})


def test_serve_refuses_settings_that_are_not_there(tmp_path: Path) -> None:
    done = serve(tmp_path / "none.json", {})
    assert done.returncode == 3
    assert "CONFIG_UNREADABLE" in done.stderr
    assert "Traceback" not in done.stderr
