"""Checks between the fields of a stack configuration, each a pure function of raw data.

They read the raw form and step over what has the wrong type, so that a typo in one host does not hide a wrong model:
the user mends everything in one go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.errors import FreeholdError
from freehold.fleet import fleet_checks, gateway_checks, host_keys, model_checks, monitoring_checks
from freehold.fleet.keypath import KeyPath, refused, set_command, written
from freehold.fleet.ports import RESERVED, model_ports
from freehold.fleet.raw import Data, Found, is_number, items, mapping
from freehold.fleet.settings_gateway import GATEWAY_PORT, MESH_GATEWAY_PORT


@dataclass(frozen=True)
class World:
    """What the configuration is checked against, injected. ``None`` stands for "not at hand here, so not judged"."""

    describe_bundle: Callable[[Path, Path], Data] | None = None
    key_fault: Callable[[Path], str | None] | None = None
    sites: Collection[str] | None = None
    describe_keys: Callable[[Path], Data] | None = None


def judge(data: Data, bundle: Data | None, world: World) -> Found:
    """Everything that is wrong between fields, or between fields and the world."""
    yield from duplicates(data, "hosts", ("name",), "CONFIG_DUPLICATE_NAME")
    yield from duplicates(data, "hosts", ("address", "serve_address"), "CONFIG_DUPLICATE_ADDRESS")
    yield from duplicates(data, "hosts", ("host_key",), "CONFIG_DUPLICATE_HOST_KEY")
    yield from duplicates(data, "models", ("name",), "CONFIG_DUPLICATE_MODEL")
    yield from model_checks.judge(data, bundle)
    yield from port_clashes(data, bundle)
    yield from key_file(data, world)
    yield from site(data, world)
    yield from equal_secrets(data)
    yield from fleet_checks.judge(data)
    yield from gateway_checks.judge(data)
    yield from monitoring_checks.judge(data)


def keys_of(data: Data, world: World) -> tuple[Data | None, list[FreeholdError]]:
    """The description of the configured key hierarchy; ``None`` where the configuration or the world has none."""
    folder = mapping(data.get("keys")).get("folder")
    if world.describe_keys is None or not isinstance(folder, str):
        return None, []
    try:
        told = world.describe_keys(Path(folder).expanduser())
    except FreeholdError as error:
        error.details |= {"path": ["keys", "folder"]}
        return None, [error]
    return told, list(_keys_of_another_site(data, folder, told))


def _keys_of_another_site(data: Data, folder: str, told: Data) -> Found:
    """Said here, before anything changes, and not by each node in the middle of the roll."""
    name, found = data.get("site"), told.get("site")
    if isinstance(name, str) and found is not None and found != name:
        path: KeyPath = ("keys", "folder")
        yield refused(
            "CONFIG_KEYS_SITE",
            path,
            f"{folder}: the hierarchy of site {found!r}",
            expected=f"that of site {name!r}: a node must not be given names of another site",
            fix=set_command(path, "…") + f"; to make one: freehold keys init --folder … --site {name}",
        )


def bundle_of(data: Data, world: World) -> tuple[Data | None, list[FreeholdError]]:
    """The description of the configured bundle; ``None`` where the configuration or the world has none."""
    section = mapping(data.get("bundle"))
    folder, key = section.get("folder"), section.get("key_file")
    if world.describe_bundle is None or not isinstance(folder, str) or not isinstance(key, str):
        return None, []
    try:
        return world.describe_bundle(Path(folder).expanduser(), Path(key).expanduser()), []
    except FreeholdError as error:
        error.details |= {"path": ["bundle", "folder"]}
        return None, [error]


def duplicates(data: Data, section: str, fields: tuple[str, ...], code: str) -> Found:
    """Two entries may not share a value; the fields of one entry may (one network for all)."""
    first: dict[str, tuple[int, str]] = {}
    for index, entry in items(data, section):
        for field in fields:
            value = entry.get(field)
            if not isinstance(value, str):
                continue
            owner = first.setdefault(_plain(value), (index, field))
            if owner[0] != index:
                other = written((section, owner[0], owner[1]))
                yield refused(
                    code,
                    (section, index, field),
                    f"{value!r}, as in {other}",
                    expected="a value of its own",
                    fix=set_command((section, index, field), "…"),
                )


def port_clashes(data: Data, bundle: Data | None) -> Found:
    """Everything on a node that listens needs a port of its own."""
    taken: dict[int, str] = dict(RESERVED)
    gateway = mapping(data.get("gateway")).get("port", GATEWAY_PORT)
    meshed = mapping(data.get("gateway")).get("mesh_port", MESH_GATEWAY_PORT)
    listeners: list[tuple[KeyPath, Any]] = [(("gateway", "port"), gateway), (("gateway", "mesh_port"), meshed)]
    kinds = {name: str(weights.get("kind")) for name, weights in mapping(mapping(bundle).get("models")).items()}
    models = list(items(data, "models"))
    ports = model_ports([(m.get("port"), m.get("kind") or kinds.get(str(m.get("name")))) for _, m in models])
    listeners += [(("models", index, "port"), port) for (index, _), port in zip(models, ports, strict=True)]
    for path, port in listeners:
        if not is_number(port):
            continue
        owner = taken.setdefault(port, written(path))
        if owner != written(path):
            yield refused(
                "CONFIG_PORT_CLASH",
                path,
                f"{port}, which {owner} has",
                expected="a free port",
                fix=set_command(path, port + 1),
            )


def key_file(data: Data, world: World) -> Found:
    """The operator's key must be readable now, not in the middle of a roll."""
    name = mapping(data.get("access")).get("private_key_file")
    if world.key_fault is None or not isinstance(name, str):
        return
    fault = world.key_fault(Path(name).expanduser())
    if fault:
        path: KeyPath = ("access", "private_key_file")
        expected = "an SSH private key without passphrase that this user can read"
        yield refused(
            "CONFIG_KEY_FILE", path, f"{name}: {fault}", expected=expected, fix=set_command(path, "~/.ssh/id_ed25519")
        )


def site(data: Data, world: World) -> Found:
    """The site names the inventory that the converge uses."""
    name = data.get("site")
    if world.sites is not None and isinstance(name, str) and name not in world.sites:
        yield refused(
            "CONFIG_UNKNOWN_SITE",
            ("site",),
            repr(name),
            expected="a folder of inventory/: " + ", ".join(sorted(world.sites)),
            fix=f"cp -r inventory/example inventory/{name}, and edit it",
        )


def equal_secrets(data: Data) -> Found:
    """Two clients with one key cannot be told apart, counted apart or revoked apart."""
    first: dict[str, str] = {}
    for name, key in mapping(data.get("api_keys")).items():
        owner = first.setdefault(str(key), name)
        if owner != name:
            path: KeyPath = ("api_keys", name)
            yield refused(
                "CONFIG_SHARED_SECRET",
                path,
                f"the key of {owner!r}",
                expected="a key of its own",
                fix=set_command(path, "", secret=True),
            )


def _plain(value: str) -> str:
    """One spelling of a value: an address in its plain form, a key without its comment."""
    return str(ipaddress.ip_address(value)) if host_keys.is_address(value) else host_keys.bare(value)
