"""llama.cpp's server inside this process, through xllamacpp."""

from __future__ import annotations

import http.client
import importlib
import os
import socket
from collections.abc import Callable
from typing import Any, Protocol

from freehold.errors import FreeholdError, RefusedError
from freehold.runtime.config import RuntimeConfig

WAITING_REQUESTS = 64
"""Each open request or idle connection holds one HTTP thread of the engine. With fewer threads than open requests
/health waits in line behind them (14.7 s measured with 3 threads and 8 streams), and a watchdog would kill a busy
engine for a hung one. The gateway opens at most 32 connections to a runtime; twice that leaves room for the checks."""

PROMPT_CACHE_MIB = 256
"""llama.cpp would keep up to 8 GiB of old prompts in memory by default; a node has 8 GB in all."""

WARNINGS_ONLY = 2
HEALTH_SECONDS = 5.0


class Engine(Protocol):
    """A running engine; it lives as long as something refers to it."""


Start = Callable[[RuntimeConfig, str], Engine]


class EngineError(FreeholdError):
    """The engine did not start."""


def start(config: RuntimeConfig, key: str) -> Engine:
    """Load the model and serve it; returns once both are done. Raises :class:`EngineError`."""
    # Read by llama.cpp when it would look for a model elsewhere; nothing of this project may fetch anything.
    os.environ["LLAMA_ARG_OFFLINE"] = "1"
    xllamacpp = importlib.import_module("xllamacpp")  # only this service's environment has it
    try:
        engine: Engine = xllamacpp.Server(parameters(xllamacpp.CommonParams(), config, key))
    except RuntimeError as error:
        raise EngineError(
            "ENGINE_REFUSED_MODEL",
            str(config.model),
            f"llama.cpp: {error}",
            expected="a GGUF file that this build of llama.cpp can load",
            why="its own words are in the lines above",
            fix=f"verify the weights: freehold weights verify {config.alias}",
        ) from error
    return engine


def parameters(params: Any, config: RuntimeConfig, key: str) -> Any:
    """Fill xllamacpp's parameters; every other field keeps llama.cpp's own default."""
    params.model.path = str(config.model)
    params.model_alias = {config.alias}
    params.hostnames, params.port = [config.host], config.port
    params.n_threads_http = config.parallel + WAITING_REQUESTS
    params.api_keys = [key]
    _compute(params, config)
    _only_what_is_used(params)
    if config.chat_template:
        params.chat_template = config.chat_template
    if config.mode == "embedding":
        params.embedding = True
        # An encoder reads a text in one piece: a batch smaller than the context would refuse long texts.
        params.n_batch = params.n_ubatch = config.context
    return params


def _compute(params: Any, config: RuntimeConfig) -> None:
    # llama.cpp divides its context by the number of slots.
    params.n_ctx, params.n_parallel = config.context * config.parallel, config.parallel
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config.threads
    params.cache_ram_mib = PROMPT_CACHE_MIB
    # Never change the settings to fit the machine: what was asked for runs, or it is refused.
    params.fit_params = False


def _only_what_is_used(params: Any) -> None:
    params.endpoint_metrics = True
    params.endpoint_slots = False  # would show prompts
    params.endpoint_props = False
    params.ui = False
    params.cors_origins = ""  # no web page may talk to it
    params.offline = True
    params.verbosity = WARNINGS_ONLY


def refuse_taken_port(config: RuntimeConfig) -> None:
    """Raise :class:`RefusedError` where the port is held; the engine itself would name no reason."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except OSError as error:
            raise RefusedError(
                "PORT_TAKEN",
                f"{config.host}:{config.port}",
                error.strerror or str(error),
                expected="a free port",
                fix=f"find the holder with `ss -tlnp sport = {config.port}`, or give this model another port",
            ) from error


def is_healthy(config: RuntimeConfig) -> bool:
    """Ask ``/health``: true only for 200, which llama.cpp answers once the model is loaded."""
    connection = http.client.HTTPConnection(config.host, config.port, timeout=HEALTH_SECONDS)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
