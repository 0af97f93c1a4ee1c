"""The wheelhouse: each set of requirements/node as wheels with their digests, and our own wheel in every set."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from freehold import __version__
from freehold.bundle.layout import REQUIREMENTS, WHEELS
from freehold.bundle.wheel_record import check_wheel
from freehold.errors import RefusedError
from freehold.process import Runner, run
from freehold.steps import Report
from freehold.weights.digests import sha256_bytes, sha256_file

# The nodes' Python is Debian 12's: CPython 3.11, glibc 2.36.
_PYTHON = ("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--abi", "abi3", "--abi", "none")
_PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(36, 4, -1)),
    "manylinux2014_x86_64",
    "manylinux1_x86_64",
)
_EPOCH = "1704067200"
"""The date of every file in our wheel (2024-01-01): a build's bytes depend on the source only."""

_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s\\;]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "NOTICE")


@dataclass(frozen=True)
class Requirement:
    """One pinned distribution and the digests that any of its files may have."""

    name: str
    version: str
    hashes: frozenset[str]


def read_lock(path: Path) -> tuple[Requirement, ...]:
    """Read a hash-locked requirements file. Raises :class:`RefusedError` for a line without version and digest."""
    text = re.sub(r"\s*#.*", "", path.read_text(encoding="utf-8"))
    logical = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return tuple(_requirement(line, path) for line in logical)


def _requirement(line: str, path: Path) -> Requirement:
    match, hashes = _REQUIREMENT.match(line), frozenset(_HASH.findall(line))
    if match is None or not hashes:
        raise RefusedError(
            "BUNDLE_LOCK",
            str(path),
            line[:80],
            expected="name==version --hash=sha256:…",
            why="a wheel without a digest could be anybody's",
            fix="make lock",
        )
    return Requirement(match["name"].lower(), match["version"], hashes)


@dataclass(frozen=True)
class Wheelhouse:
    """Wheels kept from build to build in ``cache``; pip brings what is missing and checks its digest."""

    cache: Path
    runner: Runner = run

    def collect(self, lock: Path, report: Report) -> dict[Requirement, Path]:
        """The wheel of every requirement in ``lock``."""
        wanted = read_lock(lock)
        found = self._find(wanted)
        if missing := [one.name for one in wanted if one not in found]:
            report(f"downloading {len(missing)} wheels of {lock.stem}: {', '.join(missing)}")
            self._download(lock)
            found = self._find(wanted)
        return {one: found[one] for one in wanted}

    def _find(self, wanted: tuple[Requirement, ...]) -> dict[Requirement, Path]:
        self.cache.mkdir(parents=True, exist_ok=True)
        have = {sha256_file(path): path for path in sorted(self.cache.glob("*.whl"))}
        matches = ((one, have[digest]) for one in wanted for digest in sorted(one.hashes & have.keys()))
        return dict(matches)

    def _download(self, lock: Path) -> None:
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes")
        platforms = [word for name in _PLATFORMS for word in ("--platform", name)]
        with tempfile.TemporaryDirectory(dir=self.cache) as folder:
            target = ("--dest", folder, "--requirement", str(lock))
            self.runner((*pip, "--only-binary", ":all:", *_PYTHON, *platforms, *target), timeout=1800)
            for path in Path(folder).glob("*.whl"):
                check_wheel(path)
                path.replace(self.cache / path.name)


def own_wheel(project: Path, folder: Path, runner: Runner) -> Path:
    """Build our own wheel into ``folder``; the same source gives the same bytes."""
    words = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    runner(words, cwd=project, env={"SOURCE_DATE_EPOCH": _EPOCH}, timeout=300)
    (wheel,) = folder.glob(f"freehold-{__version__}-*.whl")
    check_wheel(wheel)
    return wheel


def source_digest(project: Path) -> str:
    """Digest of all that our wheel is built from."""
    return sha256_bytes("\n".join(f"{path} {sha256_file(project / path)}" for path in _source_files(project)).encode())


def _source_files(project: Path) -> Iterator[str]:
    yield from (name for name in _SOURCES if (project / name).is_file())
    for path in sorted((project / "python" / "freehold").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(project).as_posix()


def write_set(bundle: Path, name: str, wheels: dict[Requirement, Path], made: dict[str, Path]) -> None:
    """Copy the wheels of a set and write its requirements: one digest a line, so one file a line.

    ``made`` are the wheels that were built here, by their requirement.
    """
    house = bundle / WHEELS
    house.mkdir(parents=True, exist_ok=True)
    for path in (*wheels.values(), *made.values()):
        if not (house / path.name).exists():
            shutil.copyfile(path, house / path.name)
    lines = [f"{one.name}=={one.version} --hash=sha256:{sha256_file(path)}" for one, path in wheels.items()]
    lines += [f"{requirement} --hash=sha256:{sha256_file(path)}" for requirement, path in made.items()]
    folder = bundle / REQUIREMENTS
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_text("\n".join(sorted(lines)) + "\n", encoding="ascii")
