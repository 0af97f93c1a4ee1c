"""The commands: a key is shown once with its digest, and `serve` refuses what it cannot serve."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from freehold.errors import UsageError
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

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def of_authority(self, do: str, /, **question: Any) -> Any:
        self.asked.append((do, question))
        row = {"name": "me", "origin": "made", "models": None, "requests_per_minute": 60, "tokens_per_day": None}
        row |= {"concurrent": None, "frontier": False, "expires_ms": None, "revoked_ms": None, "revoked_why": ""}
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


def test_a_key_is_rotated_with_time_to_change_over(app: typer.Typer, authority: Authority) -> None:
    shown = CliRunner().invoke(app, ["gateway", "key", "rotate", "me", "--grace-hours", "2"]).stdout
    assert shown.count("fh-") == 1
    assert authority.asked[0][1]["grace_ms"] == 7_200_000


def test_the_list_is_a_table_for_people(app: typer.Typer, authority: Authority) -> None:
    shown = CliRunner().invoke(app, ["gateway", "key", "list"]).stdout
    assert [word for word in ("me", "made", "60", "never", "good") if word not in shown] == []
    assert authority.asked == [("key list", {"revoked": False})]


@pytest.mark.parametrize(("origin", "more"), [("made", False), ("declared", True)])
def test_a_revocation_says_which_gateway_refuses_the_key_and_what_is_left_to_do(
    origin: str,
    more: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    said = cli_keys.revoked({"name": "me", "origin": origin}, "gpu1")
    assert "the gateway of gpu1 refuses it" in said
    assert ("pulumi config rm --path fleet:api_keys.me" in said) is more


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
