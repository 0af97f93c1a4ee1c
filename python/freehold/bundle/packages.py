"""Debian packages that the owner brings, because no source of the machine has them: Grafana's, a vendor's tool.

One version of each name lies in the place's folder of packages: ``<name>.deb``, and ``<name>.json`` with its digest, as
the owner confirmed it. A build resolves them together with its own list, so that what they need comes from the
machine's sources; a file that is no longer the imported one is refused.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from freehold.bundle.layout import ARCHITECTURE
from freehold.errors import IntegrityError, RefusedError, UsageError
from freehold.process import Runner, run
from freehold.weights.digests import readable_json, sha256_file

_MAGIC = b"!<arch>\n"
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_VERSION = re.compile(r"(?:[0-9]+:)?[A-Za-z0-9][A-Za-z0-9.+~-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ARCHITECTURES = (ARCHITECTURE, "all")


@dataclass(frozen=True)
class Package:
    """A package file by its control fields; ``sha256`` is of the whole file."""

    name: str
    version: str
    architecture: str
    sha256: str
    bytes: int

    @property
    def file(self) -> str:
        """Its name in a pool: without the epoch, as Debian's own."""
        return f"{self.name}_{self.version.rpartition(':')[2]}_{self.architecture}.deb"

    def as_json(self) -> dict[str, Any]:
        """The record as plain JSON types."""
        return asdict(self)


def read_package(file: Path, runner: Runner = run) -> Package:
    """What ``file`` says of itself. Raises :class:`UsageError` or :class:`RefusedError` where it is no such package."""
    if not file.is_file():
        raise UsageError("PACKAGE_FILE", str(file), "no such file", expected="a package file, NAME.deb")
    with file.open("rb") as stream:
        magic = stream.read(len(_MAGIC))
    fields = _control(file, runner) if magic == _MAGIC else {}
    found = (fields.get("Package", ""), fields.get("Version", ""))
    if not (_NAME.fullmatch(found[0]) and _VERSION.fullmatch(found[1])):
        raise RefusedError(
            "PACKAGE_FORMAT",
            str(file),
            f"package {found[0]!r}, version {found[1]!r}" if fields else "no Debian package",
            expected="a whole .deb with its control fields",
            fix="download it again, and compare its digest with the publisher's",
        )
    if (architecture := fields.get("Architecture", "")) not in _ARCHITECTURES:
        raise RefusedError(
            "PACKAGE_ARCHITECTURE",
            str(file),
            architecture or "none",
            expected=" or ".join(_ARCHITECTURES),
            why="the nodes could not install it",
            fix=f"take the publisher's package for {ARCHITECTURE}",
        )
    return Package(*found, architecture, sha256_file(file), file.stat().st_size)


def _control(file: Path, runner: Runner) -> dict[str, str]:
    done = runner(("dpkg-deb", "--field", str(file), "Package", "Version", "Architecture"), check=False, timeout=60)
    if done.returncode:
        return {}
    lines = (line.partition(":") for line in done.stdout.splitlines())
    return {name: value.strip() for name, _, value in lines}


@dataclass(frozen=True)
class Packages:
    """The folder of imported packages; it need not be there."""

    root: Path

    def all(self) -> tuple[Package, ...]:
        """What was imported, by name."""
        records = (json.loads(path.read_bytes()) for path in sorted(self.root.glob("*.json")))
        return tuple(Package(**record) for record in records)

    def path(self, name: str) -> Path:
        """The package file of that name."""
        return self.root / f"{name}.deb"

    def add(self, file: Path, package: Package) -> bool:
        """Keep a copy of ``file``, in the place of another version; whether that changed anything."""
        if package in self.all() and self._sound(package):
            return False
        self.root.mkdir(parents=True, exist_ok=True)
        draft = self.path(package.name).with_suffix(".deb.new")
        shutil.copyfile(file, draft)
        if sha256_file(draft) != package.sha256:
            draft.unlink()
            raise _altered(str(file), "other bytes than a moment ago", package)
        self._record(package.name).unlink(missing_ok=True)  # a record of another file would be worse than none
        draft.replace(self.path(package.name))
        self._record(package.name).write_bytes(readable_json(package.as_json()))
        return True

    def remove(self, name: str) -> None:
        """Forget a package. Raises :class:`UsageError` where there is none of that name."""
        self.get(name)
        self._record(name).unlink()
        self.path(name).unlink(missing_ok=True)

    def get(self, name: str) -> Package:
        """The package of that name. Raises :class:`UsageError` where there is none."""
        packages = {package.name: package for package in self.all()}
        if name not in packages:
            raise UsageError(
                "PACKAGE_UNKNOWN",
                name,
                f"imported are {', '.join(packages) or 'none'}",
                expected="the name of an imported package",
                fix="freehold bundle packages",
            )
        return packages[name]

    def checked(self) -> tuple[Path, ...]:
        """The files of all packages. Raises :class:`IntegrityError` for one that is not as it was imported."""
        for package in self.all():
            if not self._sound(package):
                raise _altered(str(self.path(package.name)), "missing, or other bytes", package)
        return tuple(self.path(package.name).absolute() for package in self.all())

    def fill_pool(self, pool: Path) -> None:
        """Copy them into a bundle's pool. Raises :class:`IntegrityError` as :meth:`checked` does."""
        for package in self.all():
            copy = pool / package.file
            shutil.copyfile(self.path(package.name), copy)
            if sha256_file(copy) != package.sha256:
                raise _altered(str(self.path(package.name)), "other bytes", package)

    def _sound(self, package: Package) -> bool:
        path = self.path(package.name)
        return path.is_file() and sha256_file(path) == package.sha256

    def _record(self, name: str) -> Path:
        return self.root / f"{name}.json"


def confirm(package: Package, file: Path, sha256: str | None) -> None:
    """Refuse a file whose digest the owner did not confirm. Raises the errors of the tree."""
    if sha256 is None:
        raise RefusedError(
            "PACKAGE_UNCONFIRMED",
            str(file),
            f"{package.name} {package.version}, sha256 {package.sha256}",
            expected="--sha256 with the digest that the publisher names",
            why="nothing is installed before its digest is checked, and only you know who made this file",
            fix=f"compare it with the publisher's digest, then: "
            f"freehold bundle import-package {file} --sha256 {package.sha256}",
        )
    if not _SHA256.fullmatch(sha256.lower()):
        raise UsageError("PACKAGE_SHA256", "--sha256", repr(sha256), expected="64 hexadecimal digits")
    if sha256.lower() != package.sha256:
        raise IntegrityError(
            "PACKAGE_DIGEST",
            str(file),
            f"sha256 {package.sha256}",
            expected=f"sha256 {sha256.lower()}",
            why="this is not the file that you mean to install on the nodes",
            fix="download it again from the publisher",
        )


def _altered(subject: str, found: str, package: Package) -> IntegrityError:
    return IntegrityError(
        "PACKAGE_DIGEST",
        subject,
        found,
        expected=f"sha256 {package.sha256}, as imported",
        fix=f"import it again: freehold bundle import-package FILE --sha256 {package.sha256}",
    )
