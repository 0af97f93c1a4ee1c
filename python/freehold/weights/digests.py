"""Digests of files and documents. SHA-256 everywhere, lower-case hexadecimal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

BLOCK = 1 << 20


def sha256_bytes(data: bytes) -> str:
    """Digest of bytes in memory."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path, *, each: Callable[[int], None] | None = None) -> str:
    """Digest of a file, read in blocks; ``each`` is told the size of every block, for progress."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
            if each is not None:
                each(len(block))
    return digest.hexdigest()


def canonical_json(document: Any) -> bytes:
    """One byte string for one document: sorted keys, no spaces, UTF-8. The form that digests are taken of."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def readable_json(document: Any) -> bytes:
    """The form that files have: sorted keys, indented, ends with a newline. As deterministic as the other."""
    return (json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def human_bytes(count: float) -> str:
    """A size for people: ``46.2 MB`` (powers of ten, as disks are sold)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004  the step between the units
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
