"""The fleet document: what the stack configuration says, completed from the bundle; the contract with Ansible.

It holds no secret: a client key is in it as its SHA-256 only (the key has 256 random bits, so that says nothing about
it). ``document.schema.json`` is made from the models below; a test keeps the two the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from freehold.errors import RefusedError
from freehold.fleet import host_keys
from freehold.fleet.ports import model_ports
from freehold.fleet.settings import Settings

SCHEMA = 1
SCHEMA_FILE = Path(__file__).with_name("document.schema.json")
HEX = r"^[0-9a-f]{64}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Site(_Part):
    name: str


class _Bundle(_Part):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    url: str
    manifest_sha256: str = Field(pattern=HEX)
    serial: int
    key_fingerprint: str
    public_key: str
    requirements: dict[str, str]
    models: dict[str, dict[str, Any]]


class _Host(_Part):
    name: str
    address: str
    port: int
    user: str
    host_key: str
    serve_address: str
    gpus: int
    gpu_model: str


class _Model(_Part):
    name: str
    kind: Literal["chat", "embedding"]
    engine: Literal["llama_cpp", "vllm"]
    port: int
    context: int
    threads: int
    parallel: int
    gpus: list[int]
    tensor_parallel: int
    extra_arguments: dict[str, Any]


class _Key(_Part):
    name: str
    sha256: str = Field(pattern=HEX)


class _Gateway(_Part):
    port: int
    keys: list[_Key]


class _Prices(_Part):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    currency: str
    electricity_per_kwh: float
    node_purchase: float
    years: float
    pue: float


class _Sovereignty(_Part):
    probe_targets: list[str]
    own_hosts: list[str]


class FleetDocument(_Part):
    """Schema 1. A reader refuses any other."""

    schema_: Literal[1] = Field(alias="schema")
    stack: str
    simulated: list[str]
    site: _Site
    bundle: _Bundle
    hosts: list[_Host] = Field(min_length=1)
    models: list[_Model] = Field(min_length=1)
    gateway: _Gateway
    prices: _Prices
    sovereignty: _Sovereignty


def schema() -> dict[str, Any]:
    """The JSON schema of the document, as ``document.schema.json`` holds it."""
    made = FleetDocument.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def build(settings: Settings, bundle: Mapping[str, Any], stack: str) -> dict[str, Any]:
    """Complete the settings. ``bundle`` is :func:`freehold.bundle.describe`'s answer."""
    described = {key: value for key, value in bundle.items() if key != "packages"}
    return {
        "schema": SCHEMA,
        "stack": stack,
        "simulated": list(settings.simulated),
        "site": {"name": settings.site},
        "bundle": {"url": settings.bundle.url, **described},
        "hosts": [host.model_dump() for host in settings.hosts],
        "models": _models(settings, bundle),
        "gateway": {"port": settings.gateway.port, "keys": _keys(settings)},
        "prices": settings.prices.model_dump(),
        "sovereignty": settings.sovereignty.model_dump(mode="json"),
    }


def _models(settings: Settings, bundle: Mapping[str, Any]) -> list[dict[str, Any]]:
    weights = [bundle["models"][model.name] for model in settings.models]
    pairs = [(m.port, m.kind or w["kind"]) for m, w in zip(settings.models, weights, strict=True)]
    completed = zip(settings.models, weights, model_ports(pairs), strict=True)
    return [
        model.model_dump(mode="json")
        | {"kind": weight["kind"], "port": port, "context": model.context or weight["context"]}
        for model, weight, port in completed
    ]


def _keys(settings: Settings) -> list[dict[str, str]]:
    secrets = {name: key.get_secret_value() for name, key in settings.api_keys.items()}
    return [{"name": name, "sha256": hashlib.sha256(key.encode()).hexdigest()} for name, key in sorted(secrets.items())]


def parse(text: str, source: str) -> dict[str, Any]:
    """A document from text; raises :class:`RefusedError` with the reason when it is none, or of another schema."""
    try:
        document: dict[str, Any] = json.loads(text)
        FleetDocument.model_validate_json(text)
    except ValidationError as error:
        raise _not_one(source, _reasons(error)) from error
    except json.JSONDecodeError as error:
        raise _not_one(source, f"no JSON: {error.msg} in line {error.lineno}") from error
    return document


def load(path: Path) -> dict[str, Any]:
    """The document that a file holds."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _not_one(str(path), error.strerror or str(error)) from error
    return parse(text, str(path))


def export(document: Mapping[str, Any], folder: Path) -> Path:
    """Write ``fleet.json`` and ``known_hosts`` into ``folder``, each in one move; unchanged files are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [host_keys.known_hosts_line(host["address"], host["port"], host["host_key"]) for host in document["hosts"]]
    _replace(folder / "known_hosts", "".join(lines))
    _replace(folder / "fleet.json", json.dumps(document, indent=2, sort_keys=True) + "\n")
    return folder / "fleet.json"


def _replace(path: Path, text: str) -> None:
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    Path(name).chmod(0o644)
    Path(name).replace(path)


def _reasons(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, detail['loc'])) or 'document'}: {detail['msg']}" for detail in details[:5])


def _not_one(source: str, found: str) -> RefusedError:
    return RefusedError(
        "DOCUMENT_REFUSED",
        source,
        found,
        expected=f"a fleet document of schema {SCHEMA}",
        why="a wrong document would configure a node wrongly",
        fix="export it again: freehold fleet export (in the lab: make up)",
    )
