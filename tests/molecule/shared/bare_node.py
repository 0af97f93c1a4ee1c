"""A bootstrapped lab node for one scenario: ``raise NAME`` prints what Ansible needs, ``remove NAME`` leaves no trace.

It stands beside the lab's own nodes, on the same networks, and installs from the lab's bundle: the lab must be up.
"""

from __future__ import annotations

import json
import shlex
import sys
from typing import Any

from freehold.bundle.describe import describe
from freehold.errors import FreeholdError, RefusedError
from freehold.lab import lock, node, raise_, reach, world
from freehold.lab.world import Lab
from freehold.paths import PROJECT
from freehold.process import run
from freehold.ssh import OPERATIONS_USER

KEYS = [{"name": "scenario", "sha256": "5e" * 32}]


def raise_node(lab: Lab, name: str) -> dict[str, Any]:
    """Boot ``name`` and return its fleet document, key file and known hosts."""
    if not (lab.paths.bundle / "manifest.json").is_file():
        raise RefusedError("LAB_NOT_UP", str(lab.paths.root), "no bundle there", expected="a lab", fix="make up")
    with lock.lab_lock(lab.paths.root):
        raise_.raise_nodes(lab, [name], lambda _: None)
    found = node.node(lab.launcher, lab.plan, lab.paths, name)
    assert found is not None
    _bootstrap(lab, found)
    known_hosts = lab.paths.nodes / name / "known_hosts"
    known_hosts.write_text(reach.known_hosts([found]), encoding="ascii")
    return {
        "address": found.address,
        "known_hosts": str(known_hosts),
        "private_key": str(reach.key_path(lab.paths)),
        "fleet": _document(lab, found),
    }


def _exported(lab: Lab) -> dict[str, Any]:
    """The lab's own document. Not validated: a lab that an older tree raised is still good enough to stand beside."""
    document: dict[str, Any] = json.loads((lab.paths.export / "fleet.json").read_text(encoding="utf-8"))
    return document


def _bootstrap(lab: Lab, found: node.LabNode) -> None:
    """What the stack's first command does on a node: the operations user, and the bundle as the only source."""
    exported = _exported(lab)
    values = {
        "OPS_USER": OPERATIONS_USER,
        "OPS_KEY": reach.key_path(lab.paths).with_suffix(".pub").read_text(encoding="ascii").strip(),
        "BUNDLE_URL": exported["bundle"]["url"],
        "BUNDLE_KEY": describe(lab.paths.bundle)["public_key"].strip(),
    }
    head = "".join(f"{key}={shlex.quote(value)}\n" for key, value in values.items())
    script = head + (PROJECT / "stacks/components/bootstrap.sh").read_text(encoding="utf-8")
    run([*reach.ssh_command(lab.paths, found), "sh", "-s"], stdin=script, timeout=300)


def _document(lab: Lab, found: node.LabNode) -> dict[str, Any]:
    exported = _exported(lab)
    bundle = {key: value for key, value in describe(lab.paths.bundle).items() if key != "packages"}
    keys = ("name", "address", "port", "user", "host_key", "serve_address", "gpus", "gpu_model")
    host = {key: getattr(found, key) for key in keys}
    host |= {"mesh_address": str(lab.plan.mesh_address(found.name)), "maintenance": False}
    gateway = exported["gateway"] | {"keys": KEYS}
    return exported | {"bundle": exported["bundle"] | bundle, "hosts": [host], "gateway": gateway}


def remove_node(lab: Lab, name: str) -> dict[str, Any]:
    """Remove it, and everything that is only there for it."""
    with lock.lab_lock(lab.paths.root):
        raise_.remove_node(lab, name)
    return {"removed": name}


def main() -> int:
    """Run one of the two; errors go to standard error, the result to standard output."""
    verb, name = sys.argv[1:]
    try:
        result = {"raise": raise_node, "remove": remove_node}[verb](world.open_lab(), name)
    except FreeholdError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
