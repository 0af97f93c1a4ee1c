"""What the engine is told, and how its health is asked."""

from __future__ import annotations

import http.server
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runtime.pretended import xllamacpp

from freehold.gateway.config import CONCURRENT
from freehold.runtime.config import Mode, RuntimeConfig
from freehold.runtime.engine import WAITING_REQUESTS, EngineError, is_healthy, parameters, start


def config(mode: Mode = "chat", port: int = 18000, alias: str = "tiny") -> RuntimeConfig:
    return RuntimeConfig(Path("/m.gguf"), alias, "127.0.0.1", port, context=100, threads=3, parallel=2, mode=mode)


def told(mode: Mode = "chat") -> Any:
    return parameters(xllamacpp.CommonParams(), config(mode), "the-key")


def test_nothing_listens_or_looks_outside() -> None:
    params = told()
    assert (params.hostnames, params.port, params.api_keys) == (["127.0.0.1"], 18000, ["the-key"])
    assert (params.offline, params.ui, params.cors_origins, params.endpoint_slots) == (True, False, "", False)
    assert params.endpoint_metrics is True


def test_context_is_for_each_request() -> None:
    """llama.cpp divides it among its slots: with 2 slots of 100 tokens it needs 200."""
    assert (told().n_ctx, told().n_parallel) == (200, 2)
    assert told().cpuparams.n_threads == told().cpuparams_batch.n_threads == 3


def test_an_encoder_reads_a_whole_text_at_once() -> None:
    assert (told("embedding").embedding, told("embedding").n_ubatch) == (True, 100)
    assert not hasattr(told("chat"), "embedding")


def test_health_never_waits_behind_requests() -> None:
    """Each open request holds a thread: there are more than the gateway will ever open."""
    assert told().n_threads_http > CONCURRENT["llama_cpp"] + 2
    assert 2 * CONCURRENT["llama_cpp"] <= WAITING_REQUESTS


def test_start_is_offline_and_explains_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", xllamacpp)
    monkeypatch.delenv("LLAMA_ARG_OFFLINE", raising=False)
    with pytest.raises(EngineError, match="ENGINE_REFUSED_MODEL"):
        start(config(alias="broken"), "k")
    assert os.environ["LLAMA_ARG_OFFLINE"] == "1"


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (401, False)])
def test_health_is_what_the_engine_answers(status: int, healthy: bool) -> None:  # noqa: FBT001
    handler = type("Handler", (xllamacpp._Handler,), {"status": status})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        assert is_healthy(config(port=server.server_port)) is healthy
        server.shutdown()
        thread.join()
    assert is_healthy(config(port=server.server_port)) is False
