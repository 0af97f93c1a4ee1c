"""What a node's checks are told: ``/etc/freehold/sovereignty.json``, and what other files of the node say.

It names no frontier provider: the gateway's settings alone may, and who is excepted is read from there at each run. The
other nodes come in a file of their own, which is written anew when one comes or goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.errors import FreeholdError, raise_all
from freehold.service.settings import Table, read_json
from freehold.sovereignty.checks import GATEWAY_SETTINGS, OWN_SETTINGS
from freehold.sovereignty.owner import Owner, probed_hosts, provider_hosts

SETTINGS, GATEWAY = Path(OWN_SETTINGS), Path(GATEWAY_SETTINGS)
PEERS = Path("/etc/freehold/sovereignty-peers.json")


@dataclass(frozen=True)
class NodeSettings:
    """``models``: name to the digest of its manifest. ``probe_targets``: ``address:port`` that must not be reached."""

    node: str
    models: Mapping[str, str]
    probe_targets: tuple[str, ...]
    own_hosts: tuple[str, ...]

    def owner(self, gateway: Path = GATEWAY, peers: Path = PEERS) -> Owner:
        """What the checks are judged by. A file that is not there, or that cannot be read, excuses nothing."""
        return Owner(
            models=tuple(self.models),
            own=frozenset((self.node, *self.own_hosts, *_peers(peers))),
            providers=frozenset(_providers(gateway)),
            probed=probed_hosts(self.probe_targets),
        )


def read(path: Path = SETTINGS) -> NodeSettings:
    """Read and check the settings; raises all errors of the file together."""
    errors: list[FreeholdError] = []
    table = Table(str(path), read_json(path), errors)
    settings = NodeSettings(
        node=table.text("node"),
        models=dict(table.names("models")),
        probe_targets=table.texts("probe_targets"),
        own_hosts=table.texts("own_hosts"),
    )
    table.close()
    raise_all(errors)
    return settings


def _peers(path: Path) -> tuple[str, ...]:
    listed = _object(path).get("own_hosts", ())
    return tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()


def _providers(path: Path) -> set[str]:
    try:
        return provider_hosts(_object(path))
    except (AttributeError, KeyError, TypeError, ValueError):
        return set()


def _object(path: Path) -> Mapping[str, Any]:
    try:
        found = read_json(path)
    except FreeholdError:
        return {}
    return found if isinstance(found, Mapping) else {}
