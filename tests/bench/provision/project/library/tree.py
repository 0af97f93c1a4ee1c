"""Ansible module: many folders, files and links in one run; an entry with content is a file, with target a link."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped]


def main() -> None:
    module = AnsibleModule({"entries": {"type": "list", "elements": "dict"}})
    changed = [entry["path"] for entry in module.params["entries"] if bring_about(module, entry)]
    module.exit_json(changed=bool(changed), paths=changed)


def bring_about(module: Any, entry: dict[str, Any]) -> bool:
    """Whether anything had to change."""
    path = Path(entry["path"])
    if "target" in entry:
        return linked(path, entry["target"])
    changed = written(module, path, entry["content"].encode()) if "content" in entry else made(path)
    wanted = {"path": str(path), "owner": "root", "group": "root", "mode": entry["mode"]}
    same: bool = module.set_fs_attributes_if_different({**wanted, "secontext": [None] * 3, "attributes": None}, changed)
    return same


def made(path: Path) -> bool:
    if path.is_dir():
        return False
    path.mkdir(parents=True)
    return True


def written(module: Any, path: Path, content: bytes) -> bool:
    if path.is_file() and path.read_bytes() == content:
        return False
    draft = path.with_name(f"{path.name}.draft")
    draft.write_bytes(content)
    module.atomic_move(str(draft), str(path))
    return True


def linked(path: Path, target: str) -> bool:
    if path.is_symlink() and str(path.readlink()) == target:
        return False
    draft = path.with_name(f"{path.name}.draft")
    draft.symlink_to(target)
    draft.replace(path)
    return True


if __name__ == "__main__":
    main()
