"""Drift: what a person changed on a node by hand, named, counted and put back.

A converge notes what it declares (:mod:`.declared`), and its last task has the node keep that with a snapshot of the
result (:mod:`.baseline`). From then on the node compares itself with it: reading (:mod:`.reading`) is apart from
judging (:mod:`.compare`). :mod:`.node` is the node's command, :mod:`.probe` asks all nodes at once, :mod:`.restore`
puts back what Ansible does not see. Modules that run on a node use the standard library of Python 3.10 alone.
"""

KINDS = ("unit", "file", "package", "sysctl", "firewall", "user")
"""Of these kinds are the things that can differ."""

BASELINE = "/var/lib/freehold/drift/baseline.json"
"""What the node compares itself with; root's alone."""

DAMAGED = {"kind": "file", "name": BASELINE, "wanted": "a baseline", "found": "damaged"}
"""What is found where it cannot be read."""

UNFINISHED = "/etc/freehold/unfinished"
"""The mark of a converge that is under way or was cut off."""

MESH_KEY = "/etc/wireguard/freehold.key"
"""The private half of the node's WireGuard key; never read but to make the public one of it."""
