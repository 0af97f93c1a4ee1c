"""Replacing and revoking: what each needs, and what it leaves to do."""

from __future__ import annotations

import shutil

from cryptography.exceptions import InvalidSignature

from freehold.errors import RefusedError
from freehold.keys import (
    authority,
    clock,
    files,
    holders,
    ledger,
    names,
    openpgp,
    passphrase,
    revocation,
    roots,
    signing,
)
from freehold.keys.certificates import Issuer
from freehold.keys.files import Entry, KeysFolder
from freehold.keys.ledger import Issued
from freehold.keys.roots import RootKey

TARGETS = ("root", "issuing", "control", "openpgp", *signing.PURPOSES)


def rotate(
    folder: KeysFolder, what: str, root: RootKey, *, compromised: bool = False, now: clock.Clock = clock.now
) -> str:
    """Make a new one of ``what`` (one of :data:`TARGETS`) and return its id; the old one stays valid for its time."""
    site = folder.site
    if what == "issuing":
        return authority.rotate_issuing(folder, root, now, compromised=compromised).id
    if what == "control":
        return _control(folder, root, now)
    # Whatever is asked for at the terminal is asked before the lock: nodes may be waiting for certificates.
    secret = passphrase.once(root.passphrase, new=True) if what == "root" else root.passphrase
    signer = roots.open_key(folder, root) if what in signing.PURPOSES else None
    with files.locked(folder.path):
        if what == "openpgp":
            return openpgp.rotate(folder, now=now)
        if signer is None:
            made = roots.make(folder, site, secret, now)
            revocation.publish(folder, roots.open_key(folder, RootKey(secret), made), now)
            return made.id
        made = signing.make(folder, site, what, signer, now)
        if what == "bundle":
            openpgp.attest(folder, now=now)
        return made.id


def _control(folder: KeysFolder, root: RootKey, now: clock.Clock) -> str:
    """New keys of this host: TLS and WireGuard. The old TLS key is revoked; its successor is made at the next renewal.

    The id is the new WireGuard key's public half.
    """
    from freehold.mesh import control  # noqa: PLC0415  only here is it needed

    uri = f"{names.SCHEME}://{folder.site}/control"
    rows = [one for one in ledger.in_force(folder, now) if one.uri == uri]
    revoke(folder, rows, "rotated", root, now=now)
    with files.locked(folder.path):
        for path in (
            *(folder.path / "control" / name for name in (holders.KEY, holders.CERTIFICATE)),
            control.key_path(folder.path),
        ):
            path.unlink(missing_ok=True)
        return control.ensure_key(folder.path)


def revoke(
    folder: KeysFolder, rows: list[Issued], reason: str, root: RootKey, *, now: clock.Clock = clock.now
) -> list[str]:
    """Revoke ``rows`` and sign the lists anew; serials. The nodes know once they have the list."""
    # All keys are opened before the first line is written: a passphrase that does not open must change nothing.
    signers = {one.issuer: _signer(folder, one.issuer, root) for one in rows}
    with files.locked(folder.path):
        for one in rows:
            ledger.note_revoked(folder, one, reason, now)
        for signer in signers.values():
            revocation.publish(folder, signer, now)
    return [one.serial for one in rows]


def _signer(folder: KeysFolder, issuer: str, root: RootKey) -> Issuer:
    for entry in folder.issuing.entries():
        if entry.id == issuer:
            return authority.issuer_of(entry)
    for entry in [*folder.roots.entries(), *folder.retired_roots]:
        if entry.id == issuer:
            return roots.open_key(folder, root, entry)
    raise RefusedError(
        "KEYS_ISSUER_GONE",
        f"issuer {issuer}",
        "its key is not in this folder",
        expected=f"{folder.path}/issuing/{issuer} or a root of that id",
        fix="bring it back from the backup: freehold keys restore",
    )


def retire_root(folder: KeysFolder, root_id: str, *, now: clock.Clock = clock.now) -> None:
    """Trust a root no more. Raises :class:`RefusedError` while it signs, or while something below it is in use."""
    known = {entry.id: entry for entry in folder.roots.entries()}
    current = roots.current(folder)
    if root_id not in known or root_id == current.id:
        found = "the root that signs" if root_id == current.id else "no root of this id"
        raise _root_stays(root_id, found, "freehold keys show; a new root first: freehold keys rotate root")
    _refuse_signing_keys(folder, known[root_id])
    below = {one.id for one in folder.issuing.entries() if _is_under(known[root_id], one)}
    used = sorted(one.name for one in ledger.in_force(folder, now) if one.issuer in below)
    if used:
        found = f"certificates in force below it: {', '.join(used)}"
        raise _root_stays(root_id, found, "freehold keys rotate issuing, then pulumi up: each node gets a new one")
    with files.locked(folder.path):
        (folder.path / "retired").mkdir(exist_ok=True, mode=0o700)
        # Certificate and list stay at hand: what was signed under it has to be judged for years.
        shutil.move(known[root_id].folder, folder.path / "retired" / f"root-{root_id}")


def _is_under(root: Entry, entry: Entry) -> bool:
    try:
        entry.certificate.verify_directly_issued_by(root.certificate)
    except (InvalidSignature, ValueError):
        return False
    return True


def _refuse_signing_keys(folder: KeysFolder, root: Entry) -> None:
    """What signs from now on must be under a root that is handed out as trusted."""
    signing_now = {purpose: folder.signing(purpose).current() for purpose in signing.PURPOSES}
    used = sorted(purpose for purpose, one in signing_now.items() if one is not None and _is_under(root, one))
    if used:
        fix = "; ".join(f"freehold keys rotate {purpose}" for purpose in used)
        raise _root_stays(root.id, f"signing keys in use below it: {', '.join(used)}", fix)


def _root_stays(root_id: str, found: str, fix: str) -> RefusedError:
    return RefusedError(
        "KEYS_ROOT_IN_USE",
        f"root {root_id}",
        found,
        expected="an older root that nothing in use hangs on",
        why="nodes would refuse each other",
        fix=fix,
    )
