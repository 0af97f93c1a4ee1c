"""A content-addressed store of weights.

::

    blobs/sha256/<hex>               every file once, named by its digest
    trees/<name>-<12 hex>/           one state of a model: manifest.json, and files/<path> as hard links to blobs
    models/<name>  ->  ../trees/…    the state that is served; switching it is one rename

A new state is complete and checked before the link moves, so a failure on the way leaves the old weights serving.
"""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import FreeholdError, IntegrityError, LockedError, RefusedError, UsageError, raise_all
from freehold.weights.digests import human_bytes, sha256_bytes, sha256_file
from freehold.weights.manifest import FileEntry, ModelManifest, parse_manifest, valid_name
from freehold.weights.rules import content_fault, name_fault

MARGIN = 64 << 20
"""Bytes that must stay free after a copy: a journal and a ledger live on the same disk."""

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Space:
    """What a file system has left; ``inodes`` is None where it does not count them."""

    bytes: int
    inodes: int | None


def free_space(folder: Path) -> Space:
    """What this user may still use on the file system of ``folder``."""
    state = os.statvfs(folder)
    return Space(state.f_bavail * state.f_frsize, state.f_favail if state.f_files else None)


@dataclass(frozen=True)
class Store:
    """The store below ``root``. With ``group`` only root and that group can read it."""

    root: Path
    group: str | None = None

    def blob(self, sha256: str) -> Path:
        """Where the file with that digest lies, or will."""
        return self.root / "blobs" / "sha256" / sha256

    def partial(self, sha256: str) -> Path:
        """Where that file is while it arrives. The name carries what it must become, so a rerun can go on."""
        return self.root / "incoming" / f"{sha256}.part"

    def model(self, name: str) -> Path:
        """The served state of a model. Raises :class:`UsageError` for what cannot be a model's name."""
        if not valid_name(name):
            raise UsageError(
                "WEIGHTS_NAME", "name", repr(name), expected="lower-case letters, digits, dots and hyphens"
            )
        return self.root / "models" / name

    def names(self) -> list[str]:
        """The models that are here."""
        folder = self.root / "models"
        return (
            sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
            if folder.is_dir()
            else []
        )

    def manifest(self, name: str) -> ModelManifest:
        """The manifest of a model that is here."""
        path = self.model(name) / "manifest.json"
        if not path.is_file():
            raise RefusedError(
                "WEIGHTS_UNKNOWN_MODEL",
                name,
                f"not in {self.root}",
                expected=", ".join(self.names()) or "a model that was fetched or imported",
                fix=f"freehold weights list --store {self.root}",
            )
        return parse_manifest(path.read_bytes(), str(path))

    def prepare(self) -> None:
        """Make the folders."""
        for folder in (".", "blobs/sha256", "incoming", "trees", "models"):
            path = self.root / folder
            path.mkdir(parents=True, exist_ok=True)
            self._protect(path, 0o755)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """One writer at a time. Raises :class:`LockedError` at once when there is another."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("a+") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                stream.seek(0)
                raise LockedError(
                    "WEIGHTS_STORE_LOCKED",
                    str(self.root),
                    f"process {stream.read().strip() or '?'} is writing to it",
                    fix="wait for it to end, then run the same command again",
                ) from error
            stream.truncate(0)
            stream.write(str(os.getpid()))
            stream.flush()
            yield

    def require_space(self, files: list[FileEntry], space: Callable[[Path], Space] = free_space) -> None:
        """Refuse before anything is written when ``files`` will not fit."""
        have = space(self.root)
        begun = sum(part.stat().st_size for file in files if (part := self.partial(file.sha256)).is_file())
        need = sum(file.bytes for file in files) - begun + MARGIN
        if files and need > have.bytes:
            raise _no_space(self.root, f"{human_bytes(have.bytes)} free", f"{human_bytes(need)} free")
        inodes = 2 * len(files) + 4  # a blob and its partial; the tree's folders and manifest
        if files and have.inodes is not None and inodes > have.inodes:
            raise _no_space(self.root, f"{have.inodes} inodes free", f"{inodes} inodes free")

    def admit(self, part: Path, file: FileEntry) -> None:
        """Check what arrived and make it a blob; what is not as promised goes. Raises :class:`IntegrityError`."""
        digest = sha256_file(part)
        if digest != file.sha256:
            part.unlink()
            raise mismatch(file, digest)
        self._protect(part, 0o644)
        part.replace(self.blob(file.sha256))

    def has(self, manifest: ModelManifest) -> bool:
        """Whether exactly this state is served, by size and access. :meth:`verify` reads every byte."""
        path = self.model(manifest.name) / "manifest.json"
        if not path.is_file() or path.read_bytes() != manifest.dump():
            return False
        files = self.model(manifest.name) / "files"
        return all(self._in_place(files / file.path, file.bytes) for file in manifest.files)

    def missing(self, manifest: ModelManifest) -> list[FileEntry]:
        """The blobs that a model needs and that are not here whole; a damaged one is removed, so that it comes anew."""
        wanted = {file.sha256: file for file in manifest.files}.values()
        return [file for file in wanted if not self._sound(file)]

    def link(self, manifest: ModelManifest) -> None:
        """Serve this state of the model; every blob is here and was checked."""
        refuse_unsafe(manifest, lambda file: self.blob(file.sha256))
        tree = self.root / "trees" / f"{manifest.name}-{sha256_bytes(manifest.dump())[:12]}"
        building = tree.with_name(f".{tree.name}.new")
        shutil.rmtree(building, ignore_errors=True)
        for file in manifest.files:
            place = building / "files" / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(self.blob(file.sha256), place)
        (building / "manifest.json").write_bytes(manifest.dump())
        for path in (building, *building.rglob("*")):
            self._protect(path, 0o755 if path.is_dir() else 0o644)
        shutil.rmtree(tree, ignore_errors=True)
        building.rename(tree)
        switch_link(self.model(manifest.name), Path("..") / "trees" / tree.name)

    def verify(self, name: str, *, digest: str | None = None, each: Progress | None = None) -> ModelManifest:
        """Read every byte of a model again. ``digest`` is the one that is expected, if known from elsewhere."""
        manifest = self.manifest(name)
        if digest is not None and manifest.digest != digest:
            raise IntegrityError(
                "WEIGHTS_DIGEST",
                name,
                f"the manifest here has digest {manifest.digest}",
                expected=digest,
                why="these are not the weights that were deployed",
                fix="run playbooks/site.yml for this node: what is damaged is fetched anew from the bundle",
            )
        raise_all(list(self._faults(manifest, each)))
        return manifest

    def prune(self) -> int:
        """Remove states that are not served and blobs that none of them names; returns the bytes that came free."""
        served = {self.model(name).resolve() for name in self.names()}
        needed = {file.sha256 for name in self.names() for file in self.manifest(name).files}
        for tree in (self.root / "trees").iterdir():
            if tree.resolve() not in served:
                shutil.rmtree(tree)
        freed = 0
        for blob in [*(self.root / "blobs" / "sha256").iterdir(), *(self.root / "incoming").iterdir()]:
            if blob.name not in needed:
                # A bundle may hold the same file by a link: then its bytes stay until the bundle lets go.
                freed += blob.stat().st_size if blob.stat().st_nlink == 1 else 0
                blob.unlink()
        return freed

    def _faults(self, manifest: ModelManifest, each: Progress | None) -> Iterator[FreeholdError]:
        files = self.model(manifest.name) / "files"
        wanted = {file.path for file in manifest.files}
        for path in sorted(files.rglob("*")):
            if path.is_symlink() or (not path.is_dir() and str(path.relative_to(files)) not in wanted):
                yield IntegrityError(
                    "WEIGHTS_EXTRA_FILE",
                    str(path),
                    "is not in the manifest",
                    fix=f"remove {path}, or fetch the model again",
                )
        for file in manifest.files:
            path = files / file.path
            if path.is_symlink():
                continue  # named above
            found = sha256_file(path, each=each) if path.is_file() else "no such file"
            if found != file.sha256:
                yield mismatch(file, found, str(path))

    def _sound(self, file: FileEntry) -> bool:
        blob = self.blob(file.sha256)
        if not blob.is_file():
            return False
        if blob.stat().st_size == file.bytes and sha256_file(blob) == file.sha256:
            return True
        blob.unlink()
        return False

    def _in_place(self, path: Path, size: int) -> bool:
        if path.is_symlink() or not path.is_file():
            return False
        state = path.stat()
        group = grp.getgrnam(self.group).gr_gid if self.group is not None else state.st_gid
        access = (stat.S_IMODE(state.st_mode), state.st_gid) == (self._mode(0o644), group)
        return state.st_size == size and access

    def _mode(self, mode: int) -> int:
        return mode if self.group is None else mode & 0o770

    def _protect(self, path: Path, mode: int) -> None:
        path.chmod(self._mode(mode))
        if self.group is not None:
            shutil.chown(path, group=self.group)


def switch_link(link: Path, target: Path) -> None:
    """Point ``link`` at ``target`` in one step: a reader sees the old or the new, never neither."""
    fresh = link.with_name(f".{link.name}.link")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def refuse_unsafe(manifest: ModelManifest, place: Callable[[FileEntry], Path]) -> None:
    """Refuse a model with a file that may not be in one; all such files together."""
    faults = {file.path: name_fault(file.path) or content_fault(place(file), file.path) for file in manifest.files}
    raise_all([unsafe(manifest.name, path, fault) for path, fault in faults.items() if fault])


def unsafe(model: str, path: str, fault: str) -> RefusedError:
    """The refusal of one file of a model."""
    return RefusedError(
        "WEIGHTS_UNSAFE_FILE",
        f"{model}: {path}",
        f"{path} {fault}",
        expected="safetensors or GGUF, JSON and text",
        why="whoever can bring code in with the weights owns the node",
        fix="leave the file out of the folder; for a model that needs its own code, port it to the runtime instead",
    )


def mismatch(file: FileEntry, found: str, subject: str = "") -> IntegrityError:
    """The error for a file that is not the one that its manifest names."""
    return IntegrityError(
        "WEIGHTS_DIGEST",
        subject or file.path,
        f"sha256 {found}",
        expected=f"sha256 {file.sha256}",
        why="other bytes are another model, or a damaged one",
        fix="freehold bundle verify on the control host, then provision again",
        changed="nothing is served from this file",
    )


def _no_space(root: Path, found: str, expected: str) -> RefusedError:
    return RefusedError(
        "WEIGHTS_NO_SPACE",
        str(root),
        found,
        expected=expected,
        why="a disk that fills up half-way stops the services that share it",
        fix="free space (`freehold weights prune` removes states that are no longer served) or use a larger disk",
    )
