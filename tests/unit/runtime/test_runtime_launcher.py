"""The launcher's life, with a pretended engine: what it tells its supervisor, and when."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
from tests.ports import free_port
from tests.unit.runtime.launched import LIMIT_SECONDS, launched, settings


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    return path


def test_ready_then_pings_then_an_orderly_end(tmp_path: Path, model: Path) -> None:
    with launched(tmp_path, settings(model, free_port())) as run:
        assert run.hears() == "READY=1\nSTATUS=serving"
        assert run.hears() == "WATCHDOG=1"
        run.process.send_signal(signal.SIGTERM)
        while (word := run.hears()) == "WATCHDOG=1":
            pass
        assert word.startswith("STOPPING=1")
        assert run.process.wait(LIMIT_SECONDS) == 0
        assert "model loaded" in run.output()


def test_an_engine_that_is_not_healthy_is_never_called_ready(tmp_path: Path, model: Path) -> None:
    with launched(tmp_path, settings(model, free_port(), alias="mute")) as run:
        assert run.process.stdout is not None
        assert "loading" in run.process.stdout.readline()
        run.supervisor.settimeout(0.5)  # ten times as long as the launcher waits between two looks at /health
        with pytest.raises(TimeoutError):
            run.hears()
        assert run.process.poll() is None


def test_an_end_while_loading_is_obeyed(tmp_path: Path, model: Path) -> None:
    with launched(tmp_path, settings(model, free_port(), alias="slow")) as run:
        assert run.process.stdout is not None
        assert "loading" in run.process.stdout.readline()
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(LIMIT_SECONDS) == 0


def test_a_model_that_the_engine_refuses(tmp_path: Path, model: Path) -> None:
    with launched(tmp_path, settings(model, free_port(), alias="broken")) as run:
        output = run.output()
        assert run.process.returncode == 1
        assert "ENGINE_REFUSED_MODEL" in output
        assert "Traceback" not in output


@pytest.mark.parametrize(("key", "code"), [(None, "INTERNAL_KEY_MISSING"), ("short", "INTERNAL_KEY_WEAK")])
def test_without_the_internal_key_nothing_starts(tmp_path: Path, model: Path, key: str | None, code: str) -> None:
    with launched(tmp_path, settings(model, free_port()), key=key) as run:
        output = run.output()
        assert run.process.returncode == 3
        assert code in output
        assert "LoadCredential" in output


def test_a_taken_port_names_itself(tmp_path: Path, model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with launched(tmp_path, settings(model, port)) as run:
            output = run.output()
            assert run.process.returncode == 3
            assert f"PORT_TAKEN 127.0.0.1:{port}" in output


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    with launched(tmp_path, settings(tmp_path / "nowhere.gguf", free_port())) as run:
        assert "MODEL_MISSING" in run.output()
        assert run.process.returncode == 3
