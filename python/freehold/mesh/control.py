"""The control host's own end of the mesh."""

from __future__ import annotations

from pathlib import Path

from freehold.mesh import keys


def key_path(folder: Path) -> Path:
    """Where the control host's private key lies below the folder of keys."""
    return folder / "mesh" / "control.key"


def ensure_key(folder: Path) -> str:
    """Return the control host's public key; the private one is made (mode 0600) where there is none."""
    return keys.ensure(key_path(folder))
