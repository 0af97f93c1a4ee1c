"""Ansible module: the owner's secrets as files for systemd, and which running units hold others."""  # noqa: INP001  a role's module

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped]  # ansible carries no types

DOCUMENTATION = r"""
module: owner_credentials
short_description: Lay the owner's secrets down for systemd
description:
  - Each is a file that root alone reads, replaced in one move; files of other names in the folder go.
  - Values are neither returned nor shown in a diff.
options:
  folder: {type: path, required: true, description: The folder; it is made, and only this module writes there.}
  credentials: {type: dict, required: true, description: Secret by name.}
author: Freehold
"""

EXAMPLES = r"""
- name: A provider's key
  owner_credentials:
    folder: /etc/freehold/credentials/owner
    credentials: {provider: "{{ vault_provider }}"}
  no_log: true
"""

RETURN = r"""
written: {description: Names that are new or have another value., returned: success, type: list}
removed: {description: Names that are gone., returned: success, type: list}
stale: {description: Running units that were started with another value., returned: success, type: list}
"""

RUNNING = Path("/run/credentials")
"""Where systemd keeps what each running unit was given, in a folder named like the unit."""


@dataclass(frozen=True)
class Folder:
    """The files."""

    path: Path

    def differing(self, wanted: Mapping[str, str]) -> list[str]:
        """Names that are not there, or not so."""
        return sorted(name for name, secret in wanted.items() if _content(self.path / name) != secret.encode())

    def surplus(self, wanted: Mapping[str, str]) -> list[str]:
        """Names that are there and not wanted; what a run that was cut off left half-written is one of them."""
        return (
            sorted(entry.name for entry in self.path.glob("*") if entry.name not in wanted)
            if self.path.is_dir()
            else []
        )

    def write(self, name: str, secret: str) -> None:
        """Put one in place."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.path / f"{name}.new"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(secret.encode())
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(self.path / name)


def stale(wanted: Mapping[str, str], running: Path = RUNNING) -> Iterator[str]:
    """Running units that hold another value of a secret that is wanted."""
    for unit in sorted(running.glob("*")):
        held = {name: _content(unit / name) for name in wanted}
        if any(content is not None and content != wanted[name].encode() for name, content in held.items()):
            yield unit.name


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def sync(folder: Folder, wanted: Mapping[str, str], *, looks_only: bool, running: Path = RUNNING) -> dict[str, object]:
    """Make the folder hold ``wanted`` and nothing else; what was done."""
    written, removed = folder.differing(wanted), folder.surplus(wanted)
    if not looks_only:
        for name in written:
            folder.write(name, wanted[name])
        for name in removed:
            (folder.path / name).unlink()
    return {
        "changed": bool(written or removed),
        "written": written,
        "removed": removed,
        "stale": [] if looks_only else list(stale(wanted, running)),
    }


def main() -> None:
    """Run as Ansible runs it."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "credentials": {"type": "dict", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    folder = Folder(Path(module.params["folder"]))
    try:
        told = sync(folder, module.params["credentials"], looks_only=module.check_mode)
    except OSError as error:
        module.fail_json(
            msg=f"CREDENTIALS {folder.path}: found {error.strerror}, expected a folder that root can write; "
            "mend it and converge"
        )
    module.exit_json(**told)


if __name__ == "__main__":
    main()
