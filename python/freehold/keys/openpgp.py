"""The bundle's OpenPGP key under the hierarchy: apt can check no other kind, so it stays, and the root vouches for it.

The signing key `bundle`, which the root certified, signs the public key; backup and rotation take both.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from freehold.bundle.keys import Keys
from freehold.errors import FreeholdError, IntegrityError
from freehold.keys import clock, files, signing
from freehold.keys.files import KeysFolder
from freehold.process import Runner, run


def place(folder: KeysFolder, runner: Runner = run) -> Keys:
    """Where the OpenPGP key lies: the folder that the file ``openpgp`` names, else ``keys`` beside the hierarchy."""
    named = folder.path / "openpgp"
    return Keys(
        Path(named.read_text(encoding="utf-8").strip()) if named.is_file() else folder.path.parent / "keys", runner
    )


def attest(folder: KeysFolder, *, now: clock.Clock = clock.now) -> bool:
    """Sign the OpenPGP public key, if there is one without a good signature; tell if that took work."""
    key = place(folder).public_file
    if not key.is_file() or vouched(folder):
        return False
    signature = signing.sign(folder.path, "bundle", key.read_bytes(), now=now)
    files.write(_signature(folder), signing.as_text(signature).encode(), files.PUBLIC)
    return True


def vouched(folder: KeysFolder) -> bool:
    """Tell whether the OpenPGP key carries a good signature of the hierarchy."""
    try:
        data = place(folder).public_file.read_bytes()
        signature = json.loads(_signature(folder).read_text(encoding="utf-8"))
        signing.verify(signing.trust_of(folder.path), "bundle", data, signature)
    except (OSError, ValueError, IntegrityError):
        return False
    return True


def fingerprint(folder: KeysFolder) -> str:
    """Its fingerprint; empty where there is no OpenPGP key."""
    keys = place(folder)
    try:
        return keys.fingerprint() if keys.public_file.is_file() else ""
    except FreeholdError:
        return "damaged"


def rotate(folder: KeysFolder, *, now: clock.Clock = clock.now, runner: Runner = run) -> str:
    """A new OpenPGP key; the old one is kept aside. The next `freehold bundle build` signs with it. Its fingerprint."""
    keys, old = place(folder, runner), fingerprint(folder)
    aside = folder.path / "retired" / f"openpgp-{old}"
    aside.mkdir(parents=True, mode=0o700, exist_ok=True)
    # The public half first: a key without it is completed by `ensure`, the other way round it would refuse.
    for name in ("bundle.asc", "gnupg"):
        if (keys.folder / name).exists():
            shutil.move(keys.folder / name, aside / name)
    keys.ensure(lambda _: None)
    attest(folder, now=now)
    return keys.fingerprint()


def _signature(folder: KeysFolder) -> Path:
    return folder.path / "signing" / "bundle" / "openpgp.sig.json"
