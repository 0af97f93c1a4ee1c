"""docs/reach.md, written from the table: ``python -m freehold.mesh.reach_page``."""

from __future__ import annotations

from freehold.mesh.reach import HEADINGS, rows
from freehold.paths import PROJECT

PAGE = PROJECT / "docs" / "reach.md"

INTRODUCTION = """\
# Who may reach what

What is open on a node, from where, and who is let in. What no line says is closed: the node's firewall drops it and
counts it (`nft list counters` on the node), over IPv4 and IPv6. `freehold mesh reach` prints the table with a fleet's
own ports; `freehold mesh reach --check` tries every door from the control host and from every node, and fails where
one is open or closed against the table. It tries every TCP port on which anything listens on any address of the node,
loopback too, at each of the node's addresses.

- **management**: the host's `address`. SSH, and the UDP packets that carry the private plane.
- **client**: its `serve_address`. Applications.
- **mesh**: its `mesh_address`, on the private plane: WireGuard from machine to machine. A packet with a mesh
  address that comes any other way is dropped.
- **anyone** is who gets to that network at all; **nodes** are the fleet's; **monitor** are the hosts named in
  `fleet:monitor`; **control** is the control host, by its key on the mesh.
"""

REST = """
Everything else stays on loopback: the models' runtimes, the embedding sidecar, the gateway's metrics. Between two
nodes there is no SSH over the mesh, and a node forwards nothing. Where one address is both the management and the
client address, both lines hold for it. What a node may open towards others is not the matter of this table.

This page is written from `python/freehold/mesh/reach.py` by `python -m freehold.mesh.reach_page`; a test keeps the
two the same, and another compares the firewall's rules with it.
"""


def render() -> str:
    """The whole page."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|" + "---|" * len(HEADINGS)]
    lines += [f"| {' | '.join(row)} |" for row in rows()]
    return INTRODUCTION + "\n" + "\n".join(lines) + "\n" + REST


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
