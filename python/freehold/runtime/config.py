"""The settings of one runtime: ``/etc/freehold/runtime/<model>.json``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from freehold.errors import FreeholdError, raise_all
from freehold.service.addresses import is_loopback
from freehold.service.settings import Table, read_json

Mode = Literal["chat", "embedding"]
MAXIMUM_PORT = 65_535
MAXIMUM_CONTEXT = 1_048_576
MAXIMUM_PARALLEL = 256


@dataclass(frozen=True)
class RuntimeConfig:
    """What one engine process serves. ``context`` is tokens for each request, not shared between them."""

    model: Path
    alias: str
    host: str
    port: int
    context: int
    threads: int
    parallel: int
    mode: Mode
    chat_template: str = ""  # Jinja; empty for the checkpoint's own


def read(path: Path) -> RuntimeConfig:
    """Read and check the settings; raises all errors of the file together."""
    errors: list[FreeholdError] = []
    table = Table(str(path), read_json(path), errors)
    config = RuntimeConfig(
        model=Path(table.text("model") or "/"),
        alias=table.text("alias"),
        host=table.text("host"),
        port=table.integer("port", 1, MAXIMUM_PORT),
        context=table.integer("context", 1, MAXIMUM_CONTEXT),
        threads=table.integer("threads", 1, MAXIMUM_PARALLEL),
        parallel=table.integer("parallel", 1, MAXIMUM_PARALLEL),
        mode=cast("Mode", table.text("mode", among=("chat", "embedding"))),
        chat_template=table.text("chat_template", None),
    )
    table.close()
    _check_host(table, config.host)
    _check_model(table, config.model)
    raise_all(errors)
    return config


def _check_host(table: Table, host: str) -> None:
    if host and not is_loopback(host):
        table.refuse("host", host, "a loopback address, such as 127.0.0.1", why="only the gateway may reach a runtime")


def _check_model(table: Table, model: Path) -> None:
    if model != Path("/") and not (model.is_absolute() and model.is_file()):
        table.refuse("model", str(model), "the absolute path of a GGUF file that is there", code="MODEL_MISSING")
