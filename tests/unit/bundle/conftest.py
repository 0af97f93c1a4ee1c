"""A signing key made once for all tests, and a bundle of fake parts that builds in milliseconds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from freehold.bundle.builder import Builder
from freehold.bundle.keys import Keys
from freehold.bundle.layout import Place
from freehold.steps import Report
from freehold.weights.digests import canonical_json, sha256_bytes


@pytest.fixture(scope="session")
def made_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    Keys(folder).ensure(lambda _: None)
    return folder


@pytest.fixture
def keys(made_keys: Path, tmp_path: Path) -> Keys:
    # On a busy machine the agent that made them may still be going, its sockets with it.
    shutil.copytree(made_keys, tmp_path / "keys", ignore=shutil.ignore_patterns("S.*"))
    return Keys(tmp_path / "keys")


@dataclass
class FakePart:
    """A part whose files are given; it counts how often it was made, and fails when told to."""

    name: str
    folders: tuple[str, ...]
    files: dict[str, bytes]
    made: int = 0
    error: Exception | None = None

    def inputs(self) -> str:
        return sha256_bytes(canonical_json({path: data.hex() for path, data in self.files.items()}))

    def make(self, bundle: Path, previous: Path | None, report: Report) -> None:
        del previous
        report("making")
        self.made += 1
        for path, data in self.files.items():
            place = bundle / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            if self.error is not None:
                raise self.error


@dataclass
class Site:
    """A place to build in, with one fake part of each kind."""

    root: Path
    keys: Keys
    parts: dict[str, FakePart] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        return Place(self.root / "bundle")

    @property
    def folder(self) -> Path:
        return self.place.target

    def builder(self) -> Builder:
        return Builder(self.place, self.keys, tuple(self.parts.values()))

    def put(self, name: str, folders: tuple[str, ...], files: dict[str, bytes]) -> None:
        self.parts[name] = FakePart(name, folders, files)


@pytest.fixture
def site(tmp_path: Path, keys: Keys) -> Site:
    site = Site(tmp_path, keys)
    packages = "Package: tool\nVersion: 1:2.0\nDescription: a tool\n for tests\n\n"
    site.put(
        "packages",
        ("apt",),
        {
            "apt/pool/main/tool_2.0_amd64.deb": b"deb",
            "apt/dists/bookworm/main/binary-amd64/Packages": packages.encode(),
            "apt/dists/bookworm/InRelease": b"signed",
        },
    )
    site.put(
        "wheels",
        ("wheels", "requirements"),
        {"wheels/one-1-py3-none-any.whl": b"wheel", "requirements/agent.txt": b"one==1 --hash=sha256:0\n"},
    )
    blob = f"weights/blobs/sha256/{sha256_bytes(b'weights')}"
    site.put("weights", ("weights",), {blob: b"weights", "weights/models/tiny.json": b'{"name": "tiny"}\n'})
    return site
