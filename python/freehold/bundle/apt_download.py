"""The nodes' Debian packages with all that they need, by apt's own resolver, in a state of its own.

The resolver is told that nothing is installed: what it then picks serves any installed Debian of that suite. apt checks
the signatures of its sources; the digest of every package is checked here again, because apt believes its cache.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from freehold.bundle.layout import ARCHITECTURE
from freehold.errors import IntegrityError
from freehold.process import Runner, run
from freehold.steps import Report
from freehold.weights.digests import human_bytes, sha256_file

_URI = re.compile(r"'(?P<uri>[^']+)' (?P<name>\S+) (?P<bytes>\d+) SHA256:(?P<sha256>[0-9a-f]{64})")
_ERRORS_ARE_FATAL = ("-o", "APT::Update::Error-Mode=any")
_MINUTES = 60.0


@dataclass(frozen=True)
class Deb:
    """A package file as apt names it (``name_version_architecture.deb``, ``%3a`` for a colon)."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Apt:
    """apt with its state, cache and sources below ``root``; the machine's own are neither read nor changed."""

    root: Path
    runner: Runner = run

    @property
    def archives(self) -> Path:
        """Where the packages are kept from build to build."""
        return self.root / "cache" / "archives"

    def prepare(self, sources: str) -> None:
        """Make the folders and write the sources (deb822)."""
        for folder in ("state/lists/partial", "cache/archives/partial", "none/partial", "etc/sources.list.d"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "etc" / "sources.list.d" / "machine.sources").write_text(sources, encoding="utf-8")
        (self.root / "status").write_text("", encoding="utf-8")

    def resolve(self, names: tuple[str, ...], report: Report) -> tuple[Deb, ...]:
        """Renew the lists and compute the closure of ``names``. Raises :class:`ProcessError` with apt's own words."""
        report("renewing the package lists")
        self._apt("update", *_ERRORS_ARE_FATAL, "-q")
        # With an empty cache folder, or packages that are already there would not be printed.
        nothing = ("-o", f"Dir::Cache::archives={self.root / 'none'}")
        text = self._install(names, "--print-uris", *nothing)
        found = (_URI.fullmatch(line.strip()) for line in text.splitlines())
        return tuple(Deb(match["name"], int(match["bytes"]), match["sha256"]) for match in found if match)

    def download(self, names: tuple[str, ...], debs: tuple[Deb, ...], report: Report) -> None:
        """Bring what is missing into :attr:`archives`; what is there but altered goes first."""
        missing = [deb for deb in debs if not self._sound(deb)]
        if missing:
            report(f"downloading {len(missing)} of {len(debs)} packages, {human_bytes(sum(d.bytes for d in missing))}")
            self._install(names, "--download-only")
        for deb in debs:
            if not self._sound(deb):
                raise IntegrityError(
                    "BUNDLE_PACKAGE_DIGEST",
                    deb.name,
                    "other bytes than the signed list names",
                    expected=f"sha256 {deb.sha256}",
                    fix="run the same command again; if it stays, the source is broken",
                )

    def _sound(self, deb: Deb) -> bool:
        path = self.archives / deb.name
        if path.is_file() and sha256_file(path) == deb.sha256:
            return True
        path.unlink(missing_ok=True)
        return False

    def _install(self, names: tuple[str, ...], *options: str) -> str:
        return self._apt("install", "--yes", "--no-install-recommends", "-qq", *options, *names)

    def _apt(self, verb: str, *arguments: str) -> str:
        own = {
            "Dir::State": self.root / "state",
            "Dir::State::status": self.root / "status",
            "Dir::Cache": self.root / "cache",
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": self.root / "etc" / "sources.list.d",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "APT::Architecture": ARCHITECTURE,
            "Acquire::ForceHash": "SHA256",
            # Whatever the machine's own configuration waives, a bundle is made of signed packages only.
            "Acquire::AllowInsecureRepositories": "false",
            "Acquire::AllowDowngradeToInsecureRepositories": "false",
            "APT::Get::AllowUnauthenticated": "false",
            "Acquire::Languages": "none",
            # The cache folder is the user's: apt's own download user could not write to it.
            "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
        }
        options = [word for key, value in own.items() for word in ("-o", f"{key}={value}")]
        return self.runner(("apt-get", *options, verb, *arguments), env={"LC_ALL": "C"}, timeout=10 * _MINUTES).stdout
