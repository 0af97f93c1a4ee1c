"""The arms: what stands between the callers and the mock runtime."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.gateway.processes import running
from tests.bench.gateway.upstream import MODEL
from tests.ports import free_port

KEY = "fh-" + "k" * 43
LITELLM, ROUTER = "litellm[proxy]==1.106.0", "vllm-router==0.1.17"
"""Pinned: LiteLLM 1.107.0 carried malware (see docs/decisions/0006). Neither is ever a dependency of anything here."""


LIMITS = {"requests_per_minute": 10**9, "tokens_per_day": 10**12, "frontier": True}
"""Of the key: each one that there is, so that each is counted, and so high that none is met."""

FRONTIER = {
    "share_ppm": 50_000,
    "window_days": 7,
    "nano_usd_per_day": 10**9,
    "nano_usd_per_month": 10**10,
    "providers": [
        {
            "name": "dark",
            "protocol": "openai",
            "url": "https://127.0.0.1:9/v1",
            "credential": "dark",
            "prices": "openai",
        }
    ],
    "routes": [{"model": "frontier/best", "provider": "dark", "provider_model": "gpt-4o", "local": MODEL}],
    "policy": {},
    "prices": [],
}
"""The way out is loaded, with rules and prices; no request of the benchmark asks for it."""


@dataclass(frozen=True)
class Running:
    """An arm that listens; ``pid`` is that of its process tree."""

    name: str
    port: int
    pid: int


@dataclass(frozen=True)
class Arm:
    """``command`` gets the arm's folder, its port and the runtime's port, and says what to run."""

    name: str
    command: Callable[[Path, int, int], Sequence[str]]
    environment: dict[str, str]
    package: str = ""
    weight: float = 1.0  # the share of requests that this one is asked, for it takes so much longer

    @contextmanager
    def running(self, folder: Path, runtime: int, pid: int) -> Iterator[Running]:
        """Start it; the direct way is the runtime itself (``runtime`` and ``pid``)."""
        if self is DIRECT:
            yield Running(self.name, runtime, pid)
            return
        mine = folder / self.name.replace(" ", "-")
        mine.mkdir(exist_ok=True)
        port = free_port()
        words = self.command(mine, port, runtime)
        with running(words, port, mine / "log", self.environment) as own:
            yield Running(self.name, port, own)


def _freehold(folder: Path, port: int, runtime: int) -> Sequence[str]:
    many = 20_000
    settings = {
        "listen": {"host": "127.0.0.1", "port": port},
        "metrics": {"host": "127.0.0.1", "port": free_port()},
        "internal_key_file": str(folder / "internal-key"),
        "keys": [{"name": "bench", "sha256": hashlib.sha256(KEY.encode()).hexdigest(), **LIMITS}],
        "models": [
            {
                "name": MODEL,
                "kind": "chat",
                "url": f"http://127.0.0.1:{runtime}",
                "engine": "llama_cpp",
                "concurrent": 10_000,
            }
        ],
        "node": "gpu1",
        "aliases": {"alias": MODEL},
        "ledger": str(folder / "ledger.sqlite3"),
        "frontier": FRONTIER,
        "limits": {"connections": many, "concurrent": many, "concurrent_per_key": many, "keep_alive_seconds": 600},
    }
    (folder / "internal-key").write_text("i" * 43)
    (folder / "gateway.json").write_text(json.dumps(settings))
    return [sys.executable, "-m", "freehold", "gateway", "serve", "--config", str(folder / "gateway.json")]


def _litellm(folder: Path, port: int, runtime: int) -> Sequence[str]:
    parameters = {"model": f"openai/{MODEL}", "api_base": f"http://127.0.0.1:{runtime}/v1", "api_key": "none"}
    settings = {
        "model_list": [{"model_name": MODEL, "litellm_params": parameters}],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"telemetry": False},
    }
    (folder / "config.yaml").write_text(json.dumps(settings))  # JSON is YAML
    words = ["--config", str(folder / "config.yaml"), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    return [str(folder.parent / "venv-litellm/bin/litellm"), *words]


def _router(folder: Path, port: int, runtime: int) -> Sequence[str]:
    words = ["--host", "127.0.0.1", "--port", str(port), "--worker-urls", f"http://127.0.0.1:{runtime}"]
    words += ["--policy", "round_robin", "--log-level", "warning", "--max-concurrent-requests", "10000"]
    words += ["--prometheus-host", "127.0.0.1", "--prometheus-port", str(free_port())]
    return [str(folder.parent / "venv-vllm-router/bin/vllm-router"), *words]


DIRECT = Arm("direct", lambda *_: [], {})
FREEHOLD = Arm("freehold", _freehold, {})
OTHERS = (
    # Without these two LiteLLM fetches its price list and sends telemetry.
    Arm(
        "litellm",
        _litellm,
        {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"},
        package=LITELLM,
        weight=0.05,
    ),
    Arm("vllm-router", _router, {}, package=ROUTER),
)
ARMS = (DIRECT, FREEHOLD, *OTHERS)


def build(arm: Arm, folder: Path) -> str:
    """Make the arm's throw-away environment in ``folder``; returns why it cannot be had, or nothing."""
    venv = folder / f"venv-{arm.name}"
    if not arm.package or (venv / ".complete").is_file():
        return ""
    uv = str(Path(sys.executable).with_name("uv"))
    made = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(venv)]
    filled = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--only-binary",
        ":all:",
        "--python",
        str(venv / "bin/python"),
        arm.package,
    ]
    for words in (made, filled):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["no word from uv"])[-1]
    (venv / ".complete").touch()
    return ""
