"""What the owner declares, as far as checks are judged by it; from the fleet document, or from a node's settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Owner:
    """``models`` by name; ``own``: names, addresses and networks that are the owner's.

    ``providers`` are hosts of declared frontier providers, which the gateway's settings may name; ``probed`` those that
    a check tries to reach, which the checks' settings may name.
    """

    models: tuple[str, ...]
    own: frozenset[str]
    providers: frozenset[str] = frozenset()
    probed: frozenset[str] = frozenset()

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Self:
        """As the fleet document has it."""
        return cls(
            models=tuple(model["name"] for model in document["models"]),
            own=frozenset(own_hosts(document)),
            providers=frozenset(provider_hosts(document)),
            probed=probed_hosts(document.get("sovereignty", {}).get("probe_targets", ())),
        )


def own_hosts(document: Mapping[str, Any]) -> set[str]:
    """Names and addresses that are the owner's: the nodes, the private plane, and the control host with the bundle."""
    own = {host[key] for host in document["hosts"] for key in ("name", "address", "serve_address", "mesh_address")}
    network = document["mesh"]["network"]
    own |= {document["mesh"]["control"]["address"], network, network.partition("/")[0]}
    own |= set(document.get("sovereignty", {}).get("own_hosts", ()))
    own |= alert_hosts(document.get("monitoring", {}))
    return own | {urlsplit(document["bundle"]["url"]).hostname or ""}


def alert_hosts(monitoring: Mapping[str, Any]) -> set[str]:
    """The owner's mail server and web hooks: who is told is the owner."""
    mail = monitoring.get("mail")
    servers = {mail["server"].rpartition(":")[0].strip("[]")} if mail else set[str]()
    return servers | {urlsplit(hook["url"]).hostname or "" for hook in monitoring.get("webhooks", ())}


def provider_hosts(settings: Mapping[str, Any]) -> set[str]:
    """Hosts of the frontier providers in a fleet document, or in a gateway's settings: both have the same section."""
    providers = (settings.get("frontier") or {}).get("providers", ())
    return {urlsplit(one["url"]).hostname or "" for one in providers}


def probed_hosts(targets: Iterable[str]) -> frozenset[str]:
    """The hosts of ``address:port``."""
    return frozenset(target.rpartition(":")[0].strip("[]") for target in targets)
