"""The parts of a bundle. Each knows from which inputs it is made, so that a build remakes only what changed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from freehold import __version__
from freehold.bundle import alias_wheel, apt_repository, models, wheels
from freehold.bundle.apt_download import Apt
from freehold.bundle.apt_sources import machine_sources, read_names
from freehold.bundle.keys import Keys
from freehold.bundle.layout import APT, REQUIREMENTS, SUITE, WHEELS, Tree, lock_name, set_name
from freehold.bundle.packages import Packages
from freehold.process import Runner
from freehold.steps import Report
from freehold.weights.catalogue import CATALOGUE, ENGINES, chosen, read_catalogue
from freehold.weights.digests import canonical_json, sha256_bytes, sha256_file
from freehold.weights.store import Store


class Part(Protocol):
    """One part of a bundle."""

    @property
    def name(self) -> str:
        """How it is called in plans and messages."""

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of the bundle that are its own."""

    def inputs(self) -> str:
        """Digest of all that decides what the part holds."""

    def make(self, bundle: Path, previous: Path | None, report: Report) -> None:
        """Write the part into ``bundle``, where none of its folders is yet."""


@dataclass(frozen=True)
class AptPart:
    """Debian packages. Moves only when a name, an import or a source does, or when a refresh is asked for."""

    tree: Tree
    sets: tuple[str, ...]
    imports: Packages
    keys: Keys
    etc: Path
    cache: Path
    runner: Runner
    clock: Callable[[], datetime]
    name: str = "packages"
    folders: tuple[str, ...] = (APT,)

    def inputs(self) -> str:
        """Names, sources and key, and what was imported."""
        names = list(read_names(self.tree.os_packages(self.sets)))
        key = self.keys.public_key() if self.keys.public_file.is_file() else ""
        imported = [package.as_json() for package in self.imports.all()]
        return sha256_bytes(canonical_json([names, machine_sources(self.etc, SUITE), key, *imported]))

    def make(self, bundle: Path, previous: Path | None, report: Report) -> None:
        """Resolve, download, check, index, sign."""
        names, apt = read_names(self.tree.os_packages(self.sets)), Apt(self.cache, self.runner)
        apt.prepare(machine_sources(self.etc, SUITE))
        # apt takes the path of a package file like a name, and then that file before every source's.
        wanted = (*names, *(str(path) for path in self.imports.checked()))
        debs = apt.resolve(wanted, report)
        apt.download(wanted, debs, report)
        apt_repository.fill_pool(bundle, apt, debs)
        self.imports.fill_pool(bundle / APT / apt_repository.POOL)
        report(f"indexing {len(debs) + len(self.imports.all())} packages")
        packages = apt_repository.index(bundle, self.runner)
        apt_repository.write_index(bundle, packages, self.keys, previous=previous, clock=self.clock, report=report)


@dataclass(frozen=True)
class WheelPart:
    """Python wheels and our own."""

    tree: Tree
    sets: tuple[str, ...]
    cache: Path
    runner: Runner
    name: str = "wheels"
    folders: tuple[str, ...] = (WHEELS, REQUIREMENTS)

    def inputs(self) -> str:
        """Locks and our own source."""
        locks = {name: sha256_file(self.tree.lock(name)) for name in self.sets}
        return sha256_bytes(canonical_json([locks, wheels.source_digest(self.tree.root)]))

    def make(self, bundle: Path, previous: Path | None, report: Report) -> None:
        """Download, check, build our own, write the sets."""
        del previous
        house = wheels.Wheelhouse(self.cache, self.runner)
        with tempfile.TemporaryDirectory() as folder:
            report("building our own wheel")
            own = wheels.own_wheel(self.tree.root, Path(folder), self.runner)
            for one in self.sets:
                found = house.collect(self.tree.lock(one), report)
                made = {f"freehold=={__version__}": own, **alias_wheel.write(lock_name(one), found, Path(folder))}
                wheels.write_set(bundle, set_name(one), found, made)


@dataclass(frozen=True)
class WeightsPart:
    """The catalogue's models, as the engines among the sets read them, and the owner's."""

    tree: Tree
    sets: tuple[str, ...]
    imports: Store
    cache: Path
    runner: Runner
    name: str = "weights"
    folders: tuple[str, ...] = ("weights",)

    def inputs(self) -> str:
        """Catalogue, lock and what was imported."""
        imported = [sha256_bytes(self.imports.manifest(name).dump()) for name in self.imports.names()]
        files = [sha256_file(CATALOGUE), sha256_file(self.tree.weights_lock)]
        return sha256_bytes(canonical_json([*files, imported, sorted(self._engines())]))

    def make(self, bundle: Path, previous: Path | None, report: Report) -> None:
        """Make or take from the cache, check against the catalogue, add the imports."""
        del previous
        foundry = models.Foundry(self.cache, self.tree.weights_lock, self.runner)
        models.write_catalogue(bundle, chosen(read_catalogue(), self._engines()), foundry, report)
        models.write_imports(bundle, self.imports, report)

    def _engines(self) -> set[str]:
        return {set_name(one) for one in self.sets} & set(ENGINES)
