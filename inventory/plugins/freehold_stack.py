# ruff: noqa: INP001  a folder of Ansible plugins, not a package
"""Ansible inventory from the fleet document that `pulumi up` exports; the Pulumi CLI is not needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError  # type: ignore[import-untyped]
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable  # type: ignore[import-untyped]

from freehold import ssh
from freehold.errors import FreeholdError
from freehold.fleet import document as documents
from freehold.paths import lab_paths

DOCUMENTATION = """
name: freehold_stack
short_description: Hosts, groups and variables from Freehold's fleet document
description:
  - Reads the JSON document that the stack exports (schema in C(python/freehold/fleet/document.schema.json)).
  - Makes the group C(inference_nodes). A host gets C(freehold_host), its entry; all get C(freehold_fleet), the whole.
  - Connects as the operations user, with the pinned host keys only.
  - The environment wins over the file, so that one converge works with the document of its own run.
  - A relative path in the file counts from the file's folder.
extends_documentation_fragment:
  - constructed
options:
  plugin:
    description: This plugin's name.
    required: true
    choices: [freehold_stack]
  document:
    description: The document. E(FREEHOLD_FLEET_DOCUMENT) wins. The default is the lab's export.
    type: str
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
GROUP = "inference_nodes"
PYTHON = "/usr/bin/python3"


class InventoryModule(BaseInventoryPlugin, Constructable):  # type: ignore[misc]  # ansible carries no types
    """Reads one document; everything it says about a host follows from that."""

    NAME = "freehold_stack"

    def verify_file(self, path: str) -> bool:
        """Take files named ``*.freehold_stack.yml`` only."""
        return bool(super().verify_file(path)) and path.endswith(SUFFIX)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:  # noqa: FBT001, FBT002  ansible's signature
        """Fill the inventory; a document that is none, or of another schema, is refused with its reason."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        document = self._path("FREEHOLD_FLEET_DOCUMENT", "document", path, lab_paths().export / "fleet.json")
        try:
            fleet = documents.load(document)
        except FreeholdError as error:
            raise AnsibleParserError(str(error)) from error
        known_hosts = self._path("FREEHOLD_KNOWN_HOSTS", "known_hosts", path, document.with_name("known_hosts"))
        key = self._path("FREEHOLD_PRIVATE_KEY_FILE", "private_key", path, lab_paths().ssh / "id_ed25519")
        self._fill(fleet, connection_variables(self.get_option("user"), known_hosts, key))

    def _path(self, variable: str, option: str, config: str, default: Path) -> Path:
        if given := os.environ.get(variable):
            return Path(given)
        named = self.get_option(option)
        return Path(config).parent / Path(named).expanduser() if named else default

    def _fill(self, fleet: Mapping[str, Any], shared: Mapping[str, str]) -> None:
        self.inventory.add_group(GROUP)
        self.inventory.set_variable("all", "freehold_fleet", fleet)
        for host in fleet["hosts"]:
            self.inventory.add_host(host["name"], group=GROUP)
            variables = {**shared, "ansible_host": host["address"], "ansible_port": host["port"], "freehold_host": host}
            for name, value in variables.items():
                self.inventory.set_variable(host["name"], name, value)
            self._construct(host["name"], variables)

    def _construct(self, host: str, variables: Mapping[str, Any]) -> None:
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict=strict)


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
