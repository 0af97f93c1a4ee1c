"""The folder of the hierarchy: written in one move, secrets readable by their owner only, one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from freehold.errors import RefusedError

SECRET, PUBLIC = 0o600, 0o644
ID_DIGITS = 16


def write(path: Path, data: bytes, mode: int) -> None:
    """Replace ``path`` in one move; on disk when this returns, and never readable by more than ``mode`` says."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    _flush(path.parent)


def refuse_target(path: Path) -> None:
    """Refuse to write over a file, and to make the folder: it would be where a medium was to be mounted."""
    if path.exists():
        raise RefusedError("KEYS_FILE_EXISTS", str(path), "a file of that name", fix="name another file")
    if not path.parent.is_dir():
        raise RefusedError(
            "KEYS_NO_FOLDER",
            str(path.parent),
            "no such folder",
            expected="a folder on the medium",
            fix="mount the medium (findmnt shows what is), or make the folder",
        )


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait for the folder and hold it: nodes that converge at once ask for certificates at once."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / ".lock").open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def key_id(public: PublicKeyTypes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a public key (SubjectPublicKeyInfo, DER)."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public.public_bytes(serialization.Encoding.DER, form))
    return digest.finalize().hex()[:ID_DIGITS]


@dataclass(frozen=True)
class Entry:
    """One key pair of a shelf: ``certificate.pem`` always, ``key.pem`` where it was not taken away."""

    folder: Path

    @property
    def id(self) -> str:
        """Its key id, by :func:`key_id`; the folder of a retired root has a prefix to it."""
        return self.folder.name.removeprefix("root-")

    @property
    def certificate(self) -> x509.Certificate:
        """What ``certificate.pem`` holds."""
        return x509.load_pem_x509_certificate((self.folder / "certificate.pem").read_bytes())

    @property
    def pem(self) -> str:
        """The certificate as text."""
        return (self.folder / "certificate.pem").read_text(encoding="ascii")

    @property
    def key_file(self) -> Path:
        """Where the private key lies, if it is here."""
        return self.folder / "key.pem"


@dataclass(frozen=True)
class Shelf:
    """Key pairs of one use: one folder each, named by key id; the file ``current`` names the one in use."""

    folder: Path

    def current(self) -> Entry | None:
        """The entry in use; none where there is none yet."""
        name = self.folder / "current"
        return Entry(self.folder / name.read_text(encoding="ascii").strip()) if name.is_file() else None

    def entries(self) -> list[Entry]:
        """All entries, the oldest first."""
        found = [Entry(one.parent) for one in self.folder.glob("*/certificate.pem")]
        return sorted(found, key=lambda entry: (entry.certificate.not_valid_before_utc, entry.id))

    def add(self, certificate: x509.Certificate, key: bytes) -> Entry:
        """Put a key pair in and make it the one in use."""
        entry = Entry(self.folder / key_id(certificate.public_key()))
        write(entry.key_file, key, SECRET)
        write(entry.folder / "certificate.pem", certificate.public_bytes(serialization.Encoding.PEM), PUBLIC)
        write(self.folder / "current", f"{entry.id}\n".encode(), PUBLIC)
        return entry


@dataclass(frozen=True)
class KeysFolder:
    """Where everything of a site's hierarchy lies."""

    path: Path

    @property
    def roots(self) -> Shelf:
        """Roots; all of them are trusted."""
        return Shelf(self.path / "root")

    @property
    def retired_roots(self) -> list[Entry]:
        """Roots that are trusted for TLS no more; what was signed under them can still be checked."""
        return [Entry(one.parent) for one in sorted((self.path / "retired").glob("root-*/certificate.pem"))]

    @property
    def issuing(self) -> Shelf:
        """Issuing certificates; the older ones are kept for their lists of revoked certificates."""
        return Shelf(self.path / "issuing")

    def signing(self, purpose: str) -> Shelf:
        """Signing keys of one purpose; the older ones are kept so that what they signed can be checked."""
        return Shelf(self.path / "signing" / purpose)

    @property
    def site(self) -> str:
        """The site's name; raises :class:`RefusedError` where there is no hierarchy."""
        try:
            return (self.path / "site").read_text(encoding="ascii").strip()
        except OSError as error:
            raise missing(self.path) from error


def missing(folder: Path) -> RefusedError:
    """The error for a folder without a hierarchy."""
    return RefusedError(
        "KEYS_MISSING",
        str(folder),
        "no key hierarchy there",
        expected="root, issuing certificate and signing keys of the site",
        why="nodes trust each other by certificates that the issuing certificate signs",
        fix=f"make one: freehold keys init --folder {folder} --site NAME; or bring it back: freehold keys restore",
    )
