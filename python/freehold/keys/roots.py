"""The root: made once, opened with its passphrase, taken off this host and brought back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from freehold.errors import IntegrityError, RefusedError
from freehold.keys import certificates, clock, files, sealed
from freehold.keys.files import Entry, KeysFolder
from freehold.keys.passphrase import Passphrase


@dataclass(frozen=True)
class RootKey:
    """How to get at a root's key: files (none: where it was made) and what opens them.

    Between two roots a command may need both, so there may be several files; they are then under one passphrase.
    """

    passphrase: Passphrase
    files: tuple[Path, ...] = ()


def make(folder: KeysFolder, site: str, passphrase: Passphrase, now: clock.Clock) -> Entry:
    """Make a root and its encrypted key; it is the one that signs from now on."""
    key = certificates.new_tls_key()
    certificate = certificates.root(key, site, now(), clock.ROOT_LIFE)
    return folder.roots.add(certificate, sealed.seal(key, passphrase(new=True)))


def current(folder: KeysFolder) -> Entry:
    """The root that signs; raises :class:`RefusedError` where there is no hierarchy."""
    entry = folder.roots.current()
    if entry is None:
        raise files.missing(folder.path)
    return entry


def anchors(folder: KeysFolder, now: clock.Clock) -> list[x509.Certificate]:
    """The roots that nodes trust: all that have not expired."""
    return [one.certificate for one in folder.roots.entries() if one.certificate.not_valid_after_utc > now()]


def open_key(folder: KeysFolder, root: RootKey, entry: Entry | None = None) -> certificates.Issuer:
    """The root with its key. Raises :class:`RefusedError` when it is not here, not this one, or not opened."""
    entry = entry or current(folder)
    given = [*root.files, *([entry.key_file] if not root.files or entry.key_file.is_file() else [])]
    known = {one.id for one in [*folder.roots.entries(), *folder.retired_roots]}
    for file in given:
        if not file.is_file():
            raise _away(entry, file)
        key = read_key(file, root.passphrase)
        found = files.key_id(key.public_key())
        if found == entry.id:
            return certificates.Issuer(entry.certificate, key)
        if found not in known or file == given[-1]:
            raise _other(file, found, entry)
    raise _away(entry, entry.key_file)


def read_key(file: Path, passphrase: Passphrase) -> ec.EllipticCurvePrivateKey:
    """The key in ``file``; raises :class:`RefusedError` when it does not open."""
    try:
        key = sealed.unseal(file.read_bytes(), passphrase(new=False))
    except ValueError as error:
        raise RefusedError(
            "KEYS_PASSPHRASE",
            str(file),
            "it does not open with this passphrase, or it is damaged",
            expected="the passphrase that was given when the root was made",
            fix="try again; a damaged file comes back from another copy: freehold keys root import FILE",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IntegrityError("KEYS_ROOT_FORM", str(file), type(key).__name__, expected="an ECDSA key on P-256")
    return key


def export(folder: KeysFolder, target: Path, passphrase: Passphrase, *, remove: bool, same_disk: bool = False) -> Entry:
    """Copy the encrypted key to ``target``, prove that the copy opens, and only then remove the one that is here.

    A medium that is not mounted is a folder of this host's own disk, so with ``remove`` that disk is refused unless
    ``same_disk`` says that it is meant.
    """
    entry = current(folder)
    files.refuse_target(target)
    if remove and not same_disk and target.parent.stat().st_dev == folder.path.stat().st_dev:
        raise _same_disk(target)
    if not entry.key_file.is_file():
        raise _away(entry, entry.key_file)
    read_key(entry.key_file, passphrase)
    files.write(target, entry.key_file.read_bytes(), files.SECRET)
    open_key(folder, RootKey(passphrase, (target,)))
    if remove:
        entry.key_file.unlink()
    return entry


def bring_back(folder: KeysFolder, source: Path, passphrase: Passphrase) -> Entry:
    """Put the key of a known root back beside its certificate."""
    key = read_key(source, passphrase)
    known = {entry.id: entry for entry in folder.roots.entries()}
    entry = known.get(files.key_id(key.public_key()))
    if entry is None:
        raise _other(source, files.key_id(key.public_key()), current(folder))
    files.write(entry.key_file, source.read_bytes(), files.SECRET)
    return entry


def _away(entry: Entry, file: Path) -> RefusedError:
    return RefusedError(
        "KEYS_ROOT_AWAY",
        f"root {entry.id}",
        f"no file {file}",
        expected="the root's encrypted key, which was taken off this host",
        why="only the root signs issuing certificates and signing keys",
        fix="plug in the medium that it was exported to, and add --root FILE",
    )


def _same_disk(target: Path) -> RefusedError:
    return RefusedError(
        "KEYS_SAME_DISK",
        str(target),
        "on the file system that the hierarchy lies on",
        expected="a removable medium",
        why="the medium may not be mounted, and whoever takes this host would take the root with it",
        fix="mount the medium (findmnt shows what is); if it is meant: --same-disk",
    )


def _other(file: Path, found: str, entry: Entry) -> RefusedError:
    return RefusedError(
        "KEYS_ROOT_OTHER",
        str(file),
        f"the key of root {found}",
        expected=f"the key of root {entry.id}, which signs here",
        fix="give the file that `freehold keys root export` wrote for this site",
    )
