"""Building a bundle: beside the one that is served, then one rename.

Unchanged parts are hard links to the version before, so a build costs what changed. A build that fails leaves the
served version as it was.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from freehold.bundle.keys import Keys, check_signature
from freehold.bundle.layout import MANIFEST, NODE_SETS, PUBLIC_KEY, SIGNATURE, Place, Tree
from freehold.bundle.manifest import BundleManifest, read_manifest, scan, walk
from freehold.bundle.models import link_or_copy
from freehold.bundle.packages import Packages
from freehold.bundle.parts import AptPart, Part, WeightsPart, WheelPart
from freehold.errors import IntegrityError, LockedError, RefusedError
from freehold.paths import cache_folder
from freehold.process import Runner, run
from freehold.steps import Report
from freehold.weights.digests import readable_json, sha256_file
from freehold.weights.manifest import FileEntry
from freehold.weights.store import Store, switch_link

KEPT_VERSIONS = 2
"""The served one, and the one before: a node in the middle of an installation still finds its files."""


@dataclass(frozen=True)
class BundleInfo:
    """A bundle after a build. ``rebuilt`` names the parts that were made anew, with why."""

    folder: str
    serial: int
    manifest_sha256: str
    key_fingerprint: str
    changed: bool
    rebuilt: dict[str, str]
    files: int
    bytes: int


def now() -> datetime:
    """The time, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def default_parts(place: Place, keys: Keys, runner: Runner, *, sets: Sequence[str] = NODE_SETS) -> tuple[Part, ...]:
    """The parts that are made from this checkout and this machine's apt sources."""
    tree, cache = Tree(), cache_folder()
    return (
        AptPart(tree, tuple(sets), Packages(place.packages), keys, Path("/etc/apt"), cache / "apt", runner, now),
        WheelPart(tree, tuple(sets), cache / "wheels", runner),
        WeightsPart(tree, tuple(sets), Store(place.imports), cache / "weights", runner),
    )


@dataclass(frozen=True)
class Builder:
    """Builds the bundle at ``place`` from ``parts``."""

    place: Place
    keys: Keys
    parts: tuple[Part, ...]

    def plan(self, *, refresh: bool = False) -> dict[str, str]:
        """The parts that a build would make anew, each with the reason. Changes nothing."""
        served = self._served()
        if served is None:
            return {part.name: "there is no bundle yet" for part in self.parts}
        remembered = self._remembered(served)
        suspects = set(self._suspects(served))
        stale: dict[str, str] = {}
        for part in self.parts:
            if any(path.startswith(tuple(f"{folder}/" for folder in part.folders)) for path in suspects):
                stale[part.name] = "a file is missing or was altered"
            elif remembered.get(part.name) != part.inputs():
                stale[part.name] = "its inputs changed"
            elif refresh:
                stale[part.name] = "a refresh was asked for"
        return stale

    def build(self, report: Report, *, refresh: bool = False) -> BundleInfo:
        """Make what is stale, sign, switch. See the module for what happens on failure."""
        self._require_free_place()
        with self._lock():
            self.keys.ensure(report)
            stale = self.plan(refresh=refresh)
            served = self._served()
            if served is not None and not stale and not list(self._suspects(served)):
                return self._info(served, {}, changed=False)
            staging = self.place.versions / ".new"
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(mode=0o755)
            try:
                inputs = self._fill(staging, served, stale, report)
                return self._publish(staging, served, stale, inputs, report)
            finally:
                shutil.rmtree(staging, ignore_errors=True)

    def _fill(
        self, staging: Path, served: BundleManifest | None, stale: dict[str, str], report: Report
    ) -> dict[str, str]:
        previous = self.place.target if served else None
        inputs = {}
        for part in self.parts:
            inputs[part.name] = part.inputs()
            if part.name in stale or previous is None:
                part.make(staging, previous, _prefixed(report, part.name))
            else:
                _link_part(previous, staging, part)
        (staging / PUBLIC_KEY).write_text(self.keys.public_key(), encoding="ascii")
        return inputs

    def _publish(
        self,
        staging: Path,
        served: BundleManifest | None,
        stale: dict[str, str],
        inputs: dict[str, str],
        report: Report,
    ) -> BundleInfo:
        report("listing and signing")
        _make_readable(staging)
        files = scan(staging, self._unread(staging, served))
        if served is not None and files == served.files and not list(self._suspects(served)):
            self._remember(served, inputs)
            return self._info(served, stale, changed=False)
        serial = max(self.keys.serial, *self._numbers(), 0) + 1
        manifest = BundleManifest(serial, files)
        (staging / MANIFEST).write_bytes(manifest.dump())
        self.keys.sign(staging / MANIFEST, staging / SIGNATURE)
        _make_readable(staging)
        self.keys.remember_serial(serial)
        staging.rename(self.place.versions / str(serial))
        if not self.place.target.is_symlink() and self.place.target.is_dir():
            self.place.target.rmdir()  # empty: somebody made the folder before the first build
        switch_link(self.place.target, Path(self.place.versions.name) / str(serial))
        self._remember(manifest, inputs)
        self._forget_old(serial)
        return self._info(manifest, stale, changed=True)

    def _unread(self, staging: Path, served: BundleManifest | None) -> Iterator[FileEntry]:
        """Entries that need no reading: the same file as in the version before, untouched since it was signed."""
        if served is None:
            return
        suspects = set(self._suspects(served))
        for entry in served.files:
            new, old = staging / entry.path, self.place.target / entry.path
            if entry.path not in suspects and new.is_file() and old.is_file() and new.samefile(old):
                yield entry

    def _served(self) -> BundleManifest | None:
        """The manifest of the served version; None when there is none, or none that our key signed."""
        if not self.keys.public_file.is_file():
            return None
        manifest, signature = self.place.target / MANIFEST, self.place.target / SIGNATURE
        try:
            check_signature(manifest, signature, self.keys.public_key(), self.keys.runner)
            return read_manifest(self.place.target)
        except IntegrityError:
            return None

    def _suspects(self, served: BundleManifest) -> Iterator[str]:
        """Files that are not as the manifest says: by size, and by digest where one was touched after the signing."""
        signed = (self.place.target / MANIFEST).stat().st_mtime_ns
        for entry in served.files:
            path = self.place.target / entry.path
            state = path.stat() if path.is_file() else None
            if state is None or state.st_size != entry.bytes:
                yield entry.path
                continue
            if state.st_mtime_ns > signed and sha256_file(path) != entry.sha256:
                yield entry.path
        listed = served.by_path()
        yield from (path for path in walk(self.place.target) if path not in listed)

    def _remembered(self, served: BundleManifest) -> dict[str, str]:
        if not self.place.inputs.is_file():
            return {}
        document: dict[str, Any] = json.loads(self.place.inputs.read_bytes())
        inputs: dict[str, str] = document["parts"] if document["manifest_sha256"] == served.sha256 else {}
        return inputs

    def _remember(self, manifest: BundleManifest, inputs: dict[str, str]) -> None:
        fresh = self.place.inputs.with_name(".inputs.json")
        fresh.write_bytes(readable_json({"manifest_sha256": manifest.sha256, "parts": inputs}))
        fresh.replace(self.place.inputs)

    def _forget_old(self, serial: int) -> None:
        for number in [number for number in self._numbers() if number != serial][: -(KEPT_VERSIONS - 1)]:
            shutil.rmtree(self.place.versions / str(number))

    def _numbers(self) -> list[int]:
        """The serials of the versions that are kept, ascending. They count even when another key signed them."""
        return sorted(int(entry.name) for entry in self.place.versions.iterdir() if entry.name.isdigit())

    def _info(self, manifest: BundleManifest, rebuilt: dict[str, str], *, changed: bool) -> BundleInfo:
        return BundleInfo(
            folder=str(self.place.target),
            serial=manifest.serial,
            manifest_sha256=manifest.sha256,
            key_fingerprint=self.keys.fingerprint(),
            changed=changed,
            rebuilt=rebuilt,
            files=len(manifest.files),
            bytes=sum(file.bytes for file in manifest.files),
        )

    def _require_free_place(self) -> None:
        target = self.place.target
        if target.is_dir() and not target.is_symlink() and any(target.iterdir()):
            raise RefusedError(
                "BUNDLE_PLACE_TAKEN",
                str(target),
                "a folder that no build made",
                expected="nothing, or the link that a build makes",
                why="what a build did not make it does not replace",
                fix=f"move {target} away, or give another --target",
            )

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        self.place.versions.mkdir(parents=True, exist_ok=True)
        with (self.place.versions / ".lock").open("a") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LockedError(
                    "BUNDLE_LOCKED",
                    str(self.place.target),
                    "another build is at work on it",
                    fix="wait for it to end, then run the same command again",
                ) from error
            yield


def _prefixed(report: Report, name: str) -> Report:
    return lambda line: report(f"{name}: {line}")


def _link_part(previous: Path, staging: Path, part: Part) -> None:
    for folder in part.folders:
        for source in sorted((previous / folder).rglob("*")):
            place = staging / source.relative_to(previous)
            if source.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                link_or_copy(source, place)


def _make_readable(folder: Path) -> None:
    """The web server's user reads the bundle, whatever the umask of who built it."""
    for path in (folder, *folder.rglob("*")):
        mode = 0o755 if path.is_dir() else 0o644
        if path.stat().st_mode & 0o777 != mode:
            path.chmod(mode)


def build(
    target: Path,
    keys: Path,
    report: Report,
    runner: Runner = run,
    *,
    sets: Sequence[str] = NODE_SETS,
    refresh: bool = False,
) -> BundleInfo:
    """Build the bundle that is served at ``target``, signed with the key in ``keys`` (made when there is none).

    Unchanged inputs change nothing, to the byte. ``refresh`` asks the package sources for newer packages. Raises the
    errors of the parts; what was served before still is.
    """
    place, key = Place(target.absolute()), Keys(keys.absolute(), runner)
    return Builder(place, key, default_parts(place, key, runner, sets=sets)).build(report, refresh=refresh)
