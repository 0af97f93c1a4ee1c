"""The lab's end of the private plane on this machine; its wireguard-go ends with the lab."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from freehold.lab.launch import Service
from freehold.lab.outside import command
from freehold.lab.plan import Plan
from freehold.lab.world import Lab
from freehold.mesh import control, reach
from freehold.mesh.scan import Vantage

GROUP = "mesh"


def raise_mesh(lab: Lab, document: Mapping[str, Any], keys_folder: Path, interface: str | None = None) -> str:
    """Raise the control host's end, or bring it in line with the document."""

    def start(name: str) -> None:
        words = ("wireguard-go", "--foreground", name)
        lab.launcher.start(Service(lab.plan.group(GROUP), words, lab.paths.logs / "mesh.log"))

    return control.up(document, keys_folder, interface or lab.plan.mesh_interface, lab.runner, start=start)


def outside_vantage(plan: Plan) -> Vantage:
    """The client's place, for the scan: it is connected to the client network and to no other."""
    words = tuple(command(plan, ["sh", "-c"]))
    return Vantage("outside", reach.OUTSIDE_SOURCES, words, frozenset({"client"}))
