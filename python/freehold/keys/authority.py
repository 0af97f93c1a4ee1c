"""Making the hierarchy, saying what it is, and replacing its issuing certificate. For CLI, program and lab alike."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from freehold.errors import RefusedError

if TYPE_CHECKING:  # `cryptography` costs a tenth of a second, and most commands have no use for it
    from cryptography import x509

    from freehold.keys.certificates import Issuer
    from freehold.keys.clock import Clock
    from freehold.keys.files import Entry, KeysFolder
    from freehold.keys.passphrase import Passphrase
    from freehold.keys.roots import RootKey

PARTS = ("root", "issuing", "signing", "crl")
MAKING = ".making"
"""Present while the hierarchy is being made: what lies there was handed to nobody and may go."""


def describe(folder: Path, *, now: Clock | None = None) -> dict[str, str]:
    """What nodes are told: ``trust_anchors`` (PEM), ``issuing_sha256`` (hex), ``not_after`` (ISO 8601), ``site``.

    Raises :class:`RefusedError`: KEYS_MISSING without a hierarchy, KEYS_ISSUING_EXPIRED when it can sign no more.
    """
    from freehold.keys import certificates, clock, roots  # noqa: PLC0415
    from freehold.keys.files import KeysFolder  # noqa: PLC0415

    keys, now = KeysFolder(folder), now or clock.now
    entry = issuing(keys, now)
    anchors = [one.public_bytes(certificates.PEM).decode() for one in roots.anchors(keys, now)]
    end = clock.iso(entry.certificate.not_valid_after_utc)
    digest = certificates.fingerprint(entry.certificate)
    return {"trust_anchors": "".join(anchors), "issuing_sha256": digest, "not_after": end, "site": keys.site}


def ensure(folder: Path, site: str, passphrase_file: Path, *, now: Clock | None = None) -> bool:
    """Make the hierarchy where there is none, or only a half-made one; tell if that took work."""
    from freehold.keys import clock, passphrase  # noqa: PLC0415
    from freehold.keys.files import KeysFolder  # noqa: PLC0415

    if (folder / "site").is_file():
        return False
    make(KeysFolder(folder), site, passphrase.from_file(passphrase_file), now or clock.now)
    return True


def make(folder: KeysFolder, site: str, passphrase: Passphrase, now: Clock) -> None:
    """Root, issuing certificate, signing keys. Raises :class:`RefusedError` where there is a hierarchy already."""
    from freehold.keys import files, names, roots, signing  # noqa: PLC0415
    from freehold.keys.roots import RootKey  # noqa: PLC0415

    names.Identity(site, "control", "control")  # refuses a bad name
    with files.locked(folder.path):
        _clear_half_made(folder)
        files.write(folder.path / MAKING, b"", files.PUBLIC)
        roots.make(folder, site, passphrase, now)
        signer = roots.open_key(folder, RootKey(passphrase))
        _issuing_under(folder, site, signer, now)
        for purpose in signing.PURPOSES:
            signing.make(folder, site, purpose, signer, now)
        files.write(folder.path / "site", f"{site}\n".encode(), files.PUBLIC)
        (folder.path / MAKING).unlink()


def _clear_half_made(folder: KeysFolder) -> None:
    present = [part for part in ("site", *PARTS) if (folder.path / part).exists()]
    if present and not (folder.path / MAKING).exists():
        raise RefusedError(
            "KEYS_EXIST",
            str(folder.path),
            f"{', '.join(present)}",
            expected="a folder without a hierarchy",
            why="a new root would be a stranger to every node",
            fix="freehold keys show; to replace a part: freehold keys rotate",
        )
    for part in PARTS:
        shutil.rmtree(folder.path / part, ignore_errors=True)


def _issuing_under(folder: KeysFolder, site: str, signer: Issuer, now: Clock) -> Entry:
    from freehold.keys import certificates, clock, revocation  # noqa: PLC0415

    key = certificates.new_tls_key()
    certificate = certificates.issuing(key.public_key(), site, signer, now(), clock.ISSUING_LIFE)
    # The lists come first: a certificate that is in use without one would be refused everywhere.
    revocation.publish(folder, signer, now)
    revocation.publish(folder, certificates.Issuer(certificate, key), now)
    return folder.issuing.add(certificate, certificates.plain(key))


def issuing(folder: KeysFolder, now: Clock) -> Entry:
    """The issuing certificate in use, after checking that it can sign."""
    from freehold.keys import clock, files  # noqa: PLC0415

    folder.site  # noqa: B018  raises where there is no hierarchy
    entry = folder.issuing.current()
    if entry is None:
        raise files.missing(folder.path)
    begin, end = entry.certificate.not_valid_before_utc, entry.certificate.not_valid_after_utc
    if now() >= end:
        raise _expired(entry.id, f"expired on {clock.iso(end)}")
    if now() < begin:
        raise _clock_behind(clock.iso(now()), clock.iso(begin))
    return entry


def issuer_of(entry: Entry) -> Issuer:
    """An issuing certificate with its key."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    from freehold.keys.certificates import Issuer  # noqa: PLC0415

    key = serialization.load_pem_private_key(entry.key_file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  made above, and nowhere else
    return Issuer(entry.certificate, key)


def rotate_issuing(folder: KeysFolder, root: RootKey, now: Clock, *, compromised: bool = False) -> Entry:
    """A new issuing certificate; with ``compromised`` the old one is revoked, and everything that it signed with it."""
    from freehold.keys import files, ledger, revocation, roots  # noqa: PLC0415

    site, old = folder.site, folder.issuing.current()
    # Keys are opened before the lock is taken: nodes must not wait for certificates while a passphrase is typed.
    signer = roots.open_key(folder, root)
    gone = old.certificate if compromised and old is not None else None
    # The one that signed it may be an older root than the one that signs now.
    above = roots.open_key(folder, root, parent(folder, gone)) if gone is not None else None
    with files.locked(folder.path):
        if gone is not None and above is not None:
            ledger.note_revoked(folder, ledger.row_of(_id(above), gone), "key compromised", now)
            revocation.publish(folder, above, now)
        return _issuing_under(folder, site, signer, now)


def _id(issuer: Issuer) -> str:
    from freehold.keys import files  # noqa: PLC0415

    return files.key_id(issuer.key.public_key())


def parent(folder: KeysFolder, certificate: x509.Certificate) -> Entry:
    """The root that signed an issuing certificate."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    for entry in [*folder.roots.entries(), *folder.retired_roots]:
        try:
            certificate.verify_directly_issued_by(entry.certificate)
        except (InvalidSignature, ValueError):
            continue
        return entry
    raise RefusedError("KEYS_NO_PARENT", str(folder.path), "no root here signed the issuing certificate")


def _expired(subject: str, found: str) -> RefusedError:
    return RefusedError(
        "KEYS_ISSUING_EXPIRED",
        f"issuing certificate {subject}",
        found,
        expected="one that is in force",
        why="it can sign for no node any more, and what it signed is refused",
        fix="plug in the medium with the root, then: freehold keys rotate issuing --root FILE",
    )


def _clock_behind(found: str, begin: str) -> RefusedError:
    return RefusedError(
        "KEYS_CLOCK",
        "this host's clock",
        found,
        expected=f"a time after {begin}, when the issuing certificate began",
        why="certificates made now would begin at a wrong time",
        fix="set the clock (timedatectl status) and run the same command again",
    )
