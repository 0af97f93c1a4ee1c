"""The fleet document: what the stack configuration says, completed from the bundle; the contract with Ansible.

It holds no secret: a client key is in it as its SHA-256 only (the key has 256 random bits, so that says nothing about
it). Its shape is in :mod:`freehold.fleet.document_schema`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from freehold.errors import RefusedError
from freehold.fleet import document_frontier, host_keys, mesh_addresses
from freehold.fleet.document_schema import SCHEMA, FleetDocument, Outline
from freehold.fleet.ports import model_ports
from freehold.fleet.settings import Host, Settings
from freehold.fleet.settings_gateway import Client

PURPOSE = "FREEHOLD_PURPOSE"
CONVERGE, REMOVE, PEERS = "converge", "remove", "peers"


def build(settings: Settings, bundle: Mapping[str, Any], keys: Mapping[str, Any], stack: str) -> dict[str, Any]:
    """Complete the settings. ``bundle`` and ``keys`` are what :class:`freehold.fleet.checks.World` describes."""
    described = {key: value for key, value in bundle.items() if key != "packages"}
    return {
        "schema": SCHEMA,
        "stack": stack,
        "simulated": list(settings.simulated),
        "site": {"name": settings.site},
        "bundle": {"url": settings.bundle.url, **described},
        "hosts": [_host(settings, host) for host in settings.hosts],
        "models": _models(settings, bundle),
        "gateway": {
            **settings.gateway.model_dump(mode="json"),
            "authority": authority(settings),
            "keys": _keys(settings),
        },
        "frontier": document_frontier.build(settings.frontier),
        "keys": settings.keys.model_dump(),
        "mesh": _mesh(settings, keys),
        "monitor": monitors(settings),
        "monitoring": _monitoring(settings),
        "watched": None,
        "tls": {"trust_anchors": keys["trust_anchors"], "issuing_sha256": keys["issuing_sha256"]},
        "prices": settings.prices.model_dump(),
        "sovereignty": settings.sovereignty.model_dump(mode="json"),
    }


def monitors(settings: Settings) -> list[str]:
    """Names of the hosts that watch the others: as given, else the first."""
    return list(settings.monitor) or [settings.hosts[0].name]


def authority(settings: Settings) -> str:
    """The host whose gateway keeps keys, caps and shares: as given, else the first monitor."""
    return settings.gateway.authority or monitors(settings)[0]


def watcher(settings: Settings) -> Host:
    """The host of the dead man's switch: as given, else the first that is no monitor, else a monitor itself."""
    watching, given = monitors(settings), settings.monitoring.watcher
    others = [host for host in settings.hosts if host.name not in watching and not host.maintenance]
    named = [host for host in settings.hosts if host.name == (given or watching[0])]
    return named[0] if given or not others else others[0]


def mesh_address(settings: Settings, host: Host) -> str:
    """A host's address on the private plane; the checks have made sure that there is one."""
    return str(mesh_addresses.of_host(settings.mesh.network, host.address, host.mesh_address))


def _host(settings: Settings, host: Host) -> dict[str, Any]:
    return {**host.model_dump(), "mesh_address": mesh_address(settings, host)}


def _monitoring(settings: Settings) -> dict[str, Any]:
    host = watcher(settings)
    told = settings.monitoring.model_dump(mode="json")
    return {**told, "watcher": {"name": host.name, "mesh_address": mesh_address(settings, host)}}


def _mesh(settings: Settings, keys: Mapping[str, Any]) -> dict[str, Any]:
    watching = monitors(settings)
    control = {"address": mesh_addresses.of_control(settings.mesh.network), "public_key": keys["mesh_public_key"]}
    return {
        **settings.mesh.model_dump(),
        "control": control,
        "monitors": [mesh_address(settings, host) for host in settings.hosts if host.name in watching],
        "peers": None,
    }


def with_peers(document: Mapping[str, Any], public_keys: Mapping[str, str]) -> dict[str, Any]:
    """The document with the mesh's peers (the hosts whose WireGuard key is known, by name) and what to watch."""
    peers = [
        {
            "name": host["name"],
            "endpoint": host["address"],
            "mesh_address": host["mesh_address"],
            "public_key": public_keys[host["name"]],
        }
        for host in document["hosts"]
        if public_keys.get(host["name"])
    ]
    return {**document, "mesh": {**document["mesh"], "peers": peers}, "watched": _watched(document)}


def view(document: Mapping[str, Any], host: str) -> dict[str, Any]:
    """What one host's converge depends on: its own entry, what all share, and nothing of its peers."""
    own = [entry for entry in document["hosts"] if entry["name"] == host]
    return {**document, "hosts": own, "mesh": {**document["mesh"], "peers": None}, "watched": None}


def introduction(document: Mapping[str, Any], host: str) -> dict[str, Any]:
    """What a host needs to know of its peers, and no more: it changes when they do."""
    own = [entry for entry in document["hosts"] if entry["name"] == host]
    kept = ("schema", "stack", "simulated", "site", "monitor")
    return {**{key: document[key] for key in kept}, **of_peers(document, host), "hosts": own}


def of_peers(document: Mapping[str, Any], host: str) -> dict[str, Any]:
    """What a node is told of the others when one comes or goes: how to reach them, their gateways, what to watch."""
    gateway = {key: document["gateway"][key] for key in ("port", "mesh_port", "replicas", "authority")}
    watched = document["watched"] if host in document["monitor"] else []
    return {"mesh": document["mesh"], "gateway": gateway, "watched": watched}


def _watched(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a monitor watches: each host, with what runs there."""
    kept = ("name", "mesh_address", "serve_address", "gpus", "maintenance")
    models = [{key: model[key] for key in ("name", "engine", "kind")} for model in document["models"]]
    told = document["monitoring"]
    switch = told["watcher"]["name"] if told["mail"] or told["webhooks"] else None
    return [
        {**{key: host[key] for key in kept}, "models": models, "watcher": host["name"] == switch}
        for host in document["hosts"]
    ]


def _models(settings: Settings, bundle: Mapping[str, Any]) -> list[dict[str, Any]]:
    weights = [bundle["models"][model.name] for model in settings.models]
    pairs = [(m.port, m.kind or w["kind"]) for m, w in zip(settings.models, weights, strict=True)]
    completed = zip(settings.models, weights, model_ports(pairs), strict=True)
    return [
        model.model_dump(mode="json")
        | {"kind": weight["kind"], "port": port, "context": model.context or weight["context"]}
        for model, weight, port in completed
    ]


def _keys(settings: Settings) -> list[dict[str, Any]]:
    """Each client: its key's digest, and what it may."""
    keys = {name: key.get_secret_value() for name, key in settings.api_keys.items()}
    return [
        {
            "name": name,
            "sha256": hashlib.sha256(key.encode()).hexdigest(),
            **document_frontier.of_client(settings.clients.get(name, Client())),
        }
        for name, key in sorted(keys.items())
    ]


def parse(text: str, source: str, *, purpose: str = CONVERGE) -> dict[str, Any]:
    """A document from text; raises :class:`RefusedError` with the reason when it is none, or of another schema.

    Only a converge needs the whole of it: to introduce peers or to take a node down, its address is enough, and what
    an older Freehold deployed can be removed by a newer one.
    """
    try:
        document: dict[str, Any] = json.loads(text)
        found = document.get("schema") if isinstance(document, dict) else None
        if purpose == CONVERGE and isinstance(found, int) and found != SCHEMA:
            raise _not_one(source, f"schema {found}, of {'an older' if found < SCHEMA else 'a newer'} Freehold")
        (FleetDocument if purpose == CONVERGE else Outline).model_validate_json(text)
    except ValidationError as error:
        raise _not_one(source, _reasons(error)) from error
    except json.JSONDecodeError as error:
        raise _not_one(source, f"no JSON: {error.msg} in line {error.lineno}") from error
    return document


def load(path: Path, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The document that a file holds; ``FREEHOLD_PURPOSE`` says what it is read for."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _not_one(str(path), error.strerror or str(error)) from error
    return parse(text, str(path), purpose=environment.get(PURPOSE, CONVERGE))


def export(document: Mapping[str, Any], folder: Path) -> Path:
    """Write ``fleet.json`` and ``known_hosts`` into ``folder``, each in one move; unchanged files are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [host_keys.known_hosts_line(host["address"], host["port"], host["host_key"]) for host in document["hosts"]]
    _replace(folder / "known_hosts", "".join(lines))
    _replace(folder / "fleet.json", json.dumps(document, indent=2, sort_keys=True) + "\n")
    return folder / "fleet.json"


def known_keys(document: Mapping[str, Any], exported: Path) -> dict[str, str]:
    """WireGuard keys that an earlier export knew, of the hosts of ``document`` that are still the same servers."""
    try:
        before = json.loads(exported.read_text(encoding="utf-8"))
        pinned = {host["name"]: host["host_key"] for host in before["hosts"]}
        keys = {peer["name"]: peer["public_key"] for peer in before["mesh"]["peers"] or ()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    same = {host["name"] for host in document["hosts"] if pinned.get(host["name"]) == host["host_key"]}
    return {name: key for name, key in keys.items() if name in same}


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
