"""The commands: a key is shown once with its digest, and `serve` refuses what it cannot serve."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from freehold.gateway import cli
from freehold.gateway.config import Key
from freehold.gateway.keys import Keyring, new_key


@pytest.fixture
def app() -> typer.Typer:
    built = typer.Typer()
    built.callback()(lambda: None)
    cli.register(built)
    return built


def test_new_key_is_printed_with_the_digest_that_lets_it_in(app: typer.Typer) -> None:
    printed = CliRunner().invoke(app, ["gateway", "key", "new", "--name", "me", "--json"])
    made = json.loads(printed.stdout)
    assert re.fullmatch(r"fh-[A-Za-z0-9_-]{43}", made["key"])
    assert made["sha256"] == hashlib.sha256(made["key"].encode()).hexdigest()
    ring = Keyring([Key("me", made["sha256"])])
    assert ring.caller([(b"authorization", f"Bearer {made['key']}".encode())]) == "me"


def test_new_key_for_people(app: typer.Typer) -> None:
    printed = CliRunner().invoke(app, ["gateway", "key", "new"]).stdout
    key = printed.split()[1]
    assert printed.count(key) == 1
    assert printed.count(hashlib.sha256(key.encode()).hexdigest()) == 2


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
