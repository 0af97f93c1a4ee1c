"""Digests of what a converge depends on, so that it runs when one of them changes and only then.

Content, path and run bits of each file count; time stamps, caches, READMEs and the order of a folder's listing do not.
Parts are digested apart, so that ``pulumi preview`` names the one that changed. A secret enters by a keyed digest
(HMAC-SHA-256): a plain one of a short secret could be guessed from the state.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RUN_BITS = 0o111  # all that git keeps of a mode; the rest is the umask of whoever checked out
SHOWN_HEX = 16  # 64 bits tell two versions apart; a preview that shows 64 digits a line is not read
_CACHE_FOLDERS = frozenset(
    {"__pycache__", ".ansible", ".cache", ".git", ".molecule", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
_DOCUMENTATION = frozenset({"README.md"})  # a word mended in it is no reason to visit the nodes
_CACHE_SUFFIXES = (".pyc", ".pyo", ".retry", ".swp", "~")


def of_tree(root: Path) -> str:
    """Digest of a file or of all files under a folder; of a missing one it is the digest of nothing."""
    digest = hashlib.sha256()
    for path in sorted(_files(root), key=lambda path: path.relative_to(root).as_posix()):
        _add(digest, path.relative_to(root).as_posix().encode())
        _add(digest, f"{path.lstat().st_mode & RUN_BITS:o}".encode())
        _add(digest, _content(path))
    return digest.hexdigest()


def of_data(data: Any) -> str:
    """Digest of plain data; the order of mappings does not count, that of lists does."""
    return hashlib.sha256(canonical(data)).hexdigest()


def of_secrets(secrets: Mapping[str, str], key: str) -> str:
    """Keyed digest of named secrets."""
    return hmac.new(key.encode(), canonical(dict(secrets)), hashlib.sha256).hexdigest()


def canonical(data: Any) -> bytes:
    """The one JSON form of ``data``."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def of_project(project: Path, site: str, ansible_version: str) -> dict[str, str]:
    """Digests of everything in the tree that a converge reads, by the name of the part."""
    playbooks, inventory = project / "playbooks", project / "inventory"
    parts = {
        "ANSIBLE": of_data([ansible_version, of_tree(project / "ansible.cfg"), of_tree(project / "collections")]),
        "PLAYBOOKS": of_data({p.name: of_tree(p) for p in _entries(playbooks) if p.name != "group_vars"}),
        "GROUP_VARS": of_data([of_tree(playbooks / "group_vars"), of_tree(inventory / site)]),
        "PLUGINS": of_tree(inventory / "plugins"),
    }
    roles = {entry.name: of_tree(entry) for entry in _entries(project / "roles") if entry.is_dir()}
    return parts | {f"ROLE_{name.upper().replace('-', '_')}": digest for name, digest in roles.items()}


def of_document(document: Mapping[str, Any]) -> dict[str, str]:
    """Digests of the parts of a host's view of the document (:func:`freehold.fleet.document.view`)."""
    named = ("bundle", "models", "gateway", "frontier", "prices", "mesh", "tls", "keys")
    parts = {name.upper(): of_data(document[name]) for name in named}
    rest = {key: value for key, value in document.items() if key not in {*named, "hosts"}}
    return {**parts, "HOST": of_data(document["hosts"]), "SITE": of_data(rest)}


def environment(parts: Mapping[str, str]) -> dict[str, str]:
    """The parts as the environment of a Command, shortened to what a person can compare."""
    return {f"FREEHOLD_DIGEST_{name}": value[:SHOWN_HEX] for name, value in sorted(parts.items())}


def _files(root: Path) -> Iterator[Path]:
    if root.is_symlink() or root.is_file():
        yield root
        return
    for folder, names, files in os.walk(root):
        linked = [name for name in names if (Path(folder) / name).is_symlink()]
        names[:] = [name for name in names if name not in _CACHE_FOLDERS and name not in linked]
        for name in [*files, *linked]:
            if not name.endswith(_CACHE_SUFFIXES) and name not in _DOCUMENTATION:
                yield Path(folder) / name


def _entries(folder: Path) -> list[Path]:
    kept = (entry for entry in folder.iterdir() if entry.name not in _CACHE_FOLDERS) if folder.is_dir() else ()
    return sorted(entry for entry in kept if not entry.name.endswith(_CACHE_SUFFIXES))


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return b"link " + str(path.readlink()).encode()
    return hashlib.sha256(path.read_bytes()).digest()


def _add(digest: Any, field: bytes) -> None:
    """Length first: no two lists of fields give the same bytes."""
    digest.update(len(field).to_bytes(8, "big"))
    digest.update(field)
