"""The bundle's OpenPGP key: made once for a site, kept beside the bundle and never in it.

GnuPG does the work, with a home folder of its own: neither the user's keys nor their agent are touched.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import IntegrityError, RefusedError
from freehold.process import Runner, run
from freehold.steps import Report

_PUBLIC_KEY_TAG = 6
_NEW_FORMAT = 0x40
_TWO_OCTETS = 192
_FIVE_OCTETS = 224


@dataclass(frozen=True)
class Keys:
    """The key in ``folder``: ``gnupg/`` (secret), ``bundle.asc`` (public), ``serial`` (the last one given)."""

    folder: Path
    runner: Runner = run

    @property
    def public_file(self) -> Path:
        """The armored public key."""
        return self.folder / "bundle.asc"

    @property
    def _home(self) -> Path:
        return self.folder / "gnupg"

    @property
    def serial(self) -> int:
        """The highest serial that was ever signed with this key; it outlives the bundle's folder."""
        file = self.folder / "serial"
        return int(file.read_text(encoding="ascii")) if file.is_file() else 0

    def remember_serial(self, serial: int) -> None:
        """Written before a bundle is served, so that no two bundles ever share a serial."""
        fresh = self.folder / ".serial"
        fresh.write_text(f"{serial}\n", encoding="ascii")
        fresh.replace(self.folder / "serial")

    def ensure(self, report: Report) -> None:
        """Make the key if there is none. Raises :class:`RefusedError` when only its public half is there."""
        if self.public_file.exists() and not self._home.exists():
            raise RefusedError(
                "BUNDLE_KEY_INCOMPLETE",
                str(self.folder),
                "the public half of the bundle's key without the secret one",
                expected="gnupg/ and bundle.asc, or neither",
                why="a new key would be refused by every node that knows the old one",
                fix=f"restore {self.folder} from the backup; or move it away and provision the nodes anew",
            )
        if not self._home.exists():
            report("making the bundle's signing key")
            self._generate()
        if not self.public_file.exists():
            self._export()

    def _generate(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        who = ("Freehold bundle", "ed25519", "sign", "never")
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".new") as name:
            home = Path(name) / "gnupg"
            home.mkdir(mode=0o700)
            with _at_work(home, self.runner) as alias:
                self._gpg(alias, "--passphrase", "", "--quick-generate-key", *who)
            home.rename(self._home)

    def _export(self) -> None:
        with _at_work(self._home, self.runner) as home:
            armored = self._gpg(home, "--armor", "--export")
        fresh = self.folder / ".bundle.asc"
        fresh.write_text(armored, encoding="ascii")
        fresh.replace(self.public_file)

    def public_key(self) -> str:
        """The armored public key."""
        return self.public_file.read_text(encoding="ascii")

    def fingerprint(self) -> str:
        """40 hexadecimal digits, upper case, as GnuPG prints them."""
        return fingerprint(self.public_key())

    def sign(self, document: Path, signature: Path) -> None:
        """Write the detached, armored signature of ``document``."""
        self._sign("--detach-sign", document, signature)

    def clearsign(self, document: Path, signed: Path) -> None:
        """Write ``document`` with its signature around it, as apt's InRelease is."""
        self._sign("--clearsign", document, signed)

    def _sign(self, how: str, document: Path, output: Path) -> None:
        with _at_work(self._home, self.runner) as home:
            self._gpg(home, "--yes", "--armor", "--digest-algo", "SHA512", "--output", str(output), how, str(document))

    def _gpg(self, home: Path, *arguments: str) -> str:
        fixed = ("gpg", "--homedir", str(home), "--batch", "--no-tty", "--pinentry-mode", "loopback", "--quiet")
        return self.runner((*fixed, *arguments), timeout=120).stdout


@contextmanager
def _at_work(home: Path, runner: Runner) -> Iterator[Path]:
    """GnuPG's home folder by a short name, because its agent's socket has to fit into 108 characters.

    The agent that GnuPG starts by itself must not outlive the work.
    """
    with tempfile.TemporaryDirectory(prefix="fh") as folder:
        alias = Path(folder) / "h"
        alias.symlink_to(home)
        try:
            yield alias
        finally:
            runner(("gpgconf", "--homedir", str(alias), "--kill", "gpg-agent"), check=False, timeout=30)


def check_signature(document: Path, signature: Path, public_key: str, runner: Runner = run) -> None:
    """Check a detached signature by exactly the given key. Raises :class:`IntegrityError` naming ``signature``."""
    with tempfile.TemporaryDirectory() as folder:
        keyring = Path(folder) / "keyring.gpg"
        keyring.write_bytes(dearmor(public_key))
        gpgv = ("gpgv", "--homedir", folder, "--keyring", str(keyring), str(signature), str(document))
        completed = runner(gpgv, check=False, timeout=60)
    if completed.returncode != 0:
        raise IntegrityError(
            "BUNDLE_SIGNATURE",
            str(signature),
            _said(completed.stderr),
            expected=f"a signature by the bundle's key, {fingerprint(public_key)}",
            why="whoever can change the manifest decides what the nodes install",
            fix="freehold bundle build on the control host that holds the key",
        )


def _said(stderr: str) -> str:
    lines = [line.removeprefix("gpgv: ") for line in stderr.splitlines() if line.strip()]
    return "; ".join(lines[-2:]) or "no signature"


def dearmor(armored: str) -> bytes:
    """The binary form of an armored public key. Raises :class:`IntegrityError` for anything else."""
    _, _, body = armored.partition("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    body, ended, _ = body.partition("-----END PGP PUBLIC KEY BLOCK-----")
    # Headers end with an empty line; the checksum line begins with an equals sign.
    lines = body.partition("\n\n")[2].split()
    try:
        data = base64.b64decode("".join(line for line in lines if not line.startswith("=")), validate=True)
    except binascii.Error:
        data = b""
    if not ended or not data:
        raise _no_key("not an armored OpenPGP public key")
    return data


def fingerprint(armored: str) -> str:
    """Fingerprint of the first key, as RFC 4880 section 12.2 defines it for version 4."""
    body = _first_packet(dearmor(armored))
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()


def _first_packet(data: bytes) -> bytes:
    """The body of the first packet, which must be a version 4 public key (RFC 4880, sections 4.2 and 5.5)."""
    head = data[0]
    if head & _NEW_FORMAT:
        tag, start, length = head & 0x3F, *_new_length(data)
    else:
        size = 1 << (head & 3)
        tag, start, length = (head >> 2) & 0x0F, 1 + size, int.from_bytes(data[1 : 1 + size], "big")
    body = data[start : start + length]
    if tag != _PUBLIC_KEY_TAG or len(body) != length or body[:1] != b"\x04":
        raise _no_key("the first packet is not a version 4 public key")
    return body


def _new_length(data: bytes) -> tuple[int, int]:
    """Where the body of a new-format packet starts, and its length."""
    if data[1] < _TWO_OCTETS:
        return 2, data[1]
    if data[1] < _FIVE_OCTETS:
        return 3, ((data[1] - _TWO_OCTETS) << 8) + data[2] + _TWO_OCTETS
    return 6, int.from_bytes(data[2:6], "big")


def _no_key(found: str) -> IntegrityError:
    return IntegrityError("BUNDLE_KEY_INVALID", "key.asc", found, expected="the bundle's armored public key")
