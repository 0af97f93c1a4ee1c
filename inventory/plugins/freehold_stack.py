# ruff: noqa: INP001  a folder of Ansible plugins, not a package
"""Ansible inventory from the fleet document that `pulumi up` exports; the Pulumi CLI is asked only when told to."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError  # type: ignore[import-untyped]
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable  # type: ignore[import-untyped]

from freehold import ssh
from freehold.errors import FreeholdError, RefusedError
from freehold.fleet import document as documents
from freehold.fleet import stack_output
from freehold.paths import cache_folder, lab_paths

DOCUMENTATION = """
name: freehold_stack
short_description: Hosts, groups and variables from Freehold's fleet document
description:
  - Reads the JSON document that the stack exports (schema in C(python/freehold/fleet/document.schema.json)).
  - Makes the groups C(inference_nodes), C(monitor) (hosts that watch the others), C(maintenance) (hosts that nothing
    visits; they are in no other group, so that a run by hand leaves them alone) and C(control) (this machine).
  - A host gets C(freehold_host), its entry; all get C(freehold_fleet), the whole.
  - Connects as the operations user, with the pinned host keys only.
  - The environment wins over the file, so that one converge works with the document of its own run.
  - A relative path in the file counts from the file's folder.
  - With O(pulumi) a stack whose document was not exported here is asked for it. Only that answer is cached, by the
    options that Ansible has for it; a file is read faster than a cache, and is never old.
extends_documentation_fragment:
  - constructed
  - inventory_cache
options:
  plugin:
    description: This plugin's name.
    required: true
    choices: [freehold_stack]
  document:
    description: The document. E(FREEHOLD_FLEET_DOCUMENT) wins. The default is the lab's export.
    type: str
  stack:
    description: The stack that the document must be of. Without it any is taken.
    type: str
  pulumi:
    description: Ask the Pulumi CLI for the document of O(stack) where there is no file.
    type: bool
    default: false
  known_hosts:
    description: The pinned host keys. E(FREEHOLD_KNOWN_HOSTS) wins. The default is C(known_hosts) beside the document.
    type: str
  private_key:
    description: The operator's SSH key. E(FREEHOLD_PRIVATE_KEY_FILE) wins. The default is the lab's.
    type: str
  user:
    description: Who logs in.
    type: str
    default: freehold-ops
"""

SUFFIX = ".freehold_stack.yml"
NODES, MONITOR, MAINTENANCE, CONTROL = "inference_nodes", "monitor", "maintenance", "control"
CONTROL_HOST = "localhost"
PYTHON = "/usr/bin/python3"


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]  # ansible carries no types
    """Reads one document; everything it says about a host follows from that."""

    NAME = "freehold_stack"

    def verify_file(self, path: str) -> bool:
        """Take files named ``*.freehold_stack.yml`` only."""
        return bool(super().verify_file(path)) and path.endswith(SUFFIX)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:  # noqa: FBT001, FBT002  ansible's signature
        """Fill the inventory; a document that is none, of another schema or stack, is refused with its reason."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        file = self._path("FREEHOLD_FLEET_DOCUMENT", "document", path, lab_paths().export / "fleet.json")
        try:
            fleet, beside = self._document(file, path, cached=cache)
            refuse_another_stack(fleet, self.get_option("stack"), beside)
        except FreeholdError as error:
            raise AnsibleParserError(str(error)) from None  # Ansible would print each cause again
        known_hosts = self._path("FREEHOLD_KNOWN_HOSTS", "known_hosts", path, beside.with_name("known_hosts"))
        key = self._path("FREEHOLD_PRIVATE_KEY_FILE", "private_key", path, lab_paths().ssh / "id_ed25519")
        self._fill(fleet, connection_variables(self.get_option("user"), known_hosts, key))

    def _document(self, file: Path, path: str, *, cached: bool) -> tuple[dict[str, Any], Path]:
        """The document, and the file that holds it with the pinned host keys beside."""
        stack = self.get_option("stack")
        if file.is_file() or not (self.get_option("pulumi") and stack):
            return documents.load(file), file
        fleet = self._from_pulumi(stack, self.get_cache_key(path), cached=cached and self.get_option("cache"))
        # Ansible wants host keys in a file; the document goes with them, so that a person can see what was taken.
        return fleet, documents.export(fleet, cache_folder() / "inventory" / stack)

    def _from_pulumi(self, stack: str, key: str, *, cached: bool) -> dict[str, Any]:
        if cached and key in self._cache:
            return documents.parse(json.dumps(self._cache[key]), f"the inventory cache of stack {stack}")
        fleet = stack_output.document(stack)
        if self.get_option("cache"):
            self._cache[key] = fleet
        return fleet

    def _path(self, variable: str, option: str, config: str, default: Path) -> Path:
        if given := os.environ.get(variable):
            return Path(given)
        named = self.get_option(option)
        return Path(config).parent / Path(named).expanduser() if named else default

    def _fill(self, fleet: Mapping[str, Any], shared: Mapping[str, str]) -> None:
        for group in (NODES, MONITOR, MAINTENANCE, CONTROL):
            self.inventory.add_group(group)
        self.inventory.set_variable("all", "freehold_fleet", fleet)
        for host in fleet["hosts"]:
            for group in groups_of(host, fleet):
                self.inventory.add_host(host["name"], group=group)
            variables = {**shared, "ansible_host": host["address"], "ansible_port": host["port"], "freehold_host": host}
            self._set(host["name"], variables)
            self._construct(host["name"], {**variables, "freehold_fleet": fleet})
        self.inventory.add_host(CONTROL_HOST, group=CONTROL)
        self._set(CONTROL_HOST, {"ansible_connection": "local", "ansible_python_interpreter": sys.executable})

    def _set(self, host: str, variables: Mapping[str, Any]) -> None:
        for name, value in variables.items():
            self.inventory.set_variable(host, name, value)

    def _construct(self, host: str, variables: Mapping[str, Any]) -> None:
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict=strict)


def groups_of(host: Mapping[str, Any], fleet: Mapping[str, Any]) -> list[str]:
    """The groups of one entry of the document. Maintenance comes first and alone: nothing is to dial the host.

    An older document, which is read to take down what it deployed, says nothing of either.
    """
    if host.get("maintenance"):
        return [MAINTENANCE]
    return [NODES, MONITOR] if host["name"] in fleet.get("monitor", ()) else [NODES]


def refuse_another_stack(fleet: Mapping[str, Any], stack: str | None, file: Path) -> None:
    """Raise :class:`RefusedError` for the document of a stack that this inventory is not of."""
    if stack and fleet["stack"] != stack:
        raise RefusedError(
            "DOCUMENT_OF_ANOTHER_STACK",
            str(file),
            f"the document of stack {fleet['stack']}",
            expected=f"stack {stack}, as the inventory's own file says",
            why="a run would make these servers what another stack says",
            fix=f"freehold fleet export --stack {stack} --folder {file.parent}, or choose the other inventory",
        )


def connection_variables(user: str, known_hosts: Path, key: Path) -> dict[str, str]:
    """How to connect: one key, pinned host keys, no question asked and no other file believed."""
    options = {**ssh.pinned(known_hosts), "PasswordAuthentication": "no"}
    pinned = [f"-o {name}={value}" for name, value in options.items()]
    return {
        "ansible_user": user,
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": " ".join(["-F /dev/null", *pinned]),
        "ansible_python_interpreter": PYTHON,
    }
