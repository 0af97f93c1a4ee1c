"""Which tree raised the lab: a digest of everything that decides what a node becomes.

`make test` compares it with the checkout's, so that a lab which another tree raised is converged before it is tested.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from freehold.lab.engine import lab_engine
from freehold.paths import PROJECT, LabPaths

SOURCES = ("roles", "playbooks", "stacks", "python", "requirements", "inventory", "ansible.cfg", "pyproject.toml")
PASSED_OVER = {"__pycache__", ".mypy_cache", ".ruff_cache", ".ansible"}
GENERATED = {"Pulumi.lab.yaml"}


def tree_digest(project: Path = PROJECT) -> str:
    """Return the SHA-256 over paths, modes and contents of :data:`SOURCES`."""
    total = hashlib.sha256()
    for path in _files(project):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(project)} {path.stat().st_mode & 0o111:o} {content}\n".encode())
    return total.hexdigest()


def _files(project: Path) -> list[Path]:
    found = [path for name in SOURCES for path in (project / name, *(project / name).rglob("*")) if path.is_file()]
    return sorted(path for path in found if not PASSED_OVER & set(path.parts) and path.name not in GENERATED)


def write(paths: LabPaths, project: Path = PROJECT) -> None:
    """Say that the lab is now what the checkout describes, with the engine in force."""
    _place(paths).write_text(_wanted(project), encoding="ascii")


def fits(paths: LabPaths, project: Path = PROJECT) -> bool:
    """Tell whether the lab was last converged from exactly this tree, with the engine in force."""
    place = _place(paths)
    return place.is_file() and place.read_text(encoding="ascii") == _wanted(project)


def _wanted(project: Path) -> str:
    return f"{tree_digest(project)} {lab_engine().name}"


def _place(paths: LabPaths) -> Path:
    return paths.root / "stamp"
