"""SSH host keys as the stack configuration pins them: one ``type base64`` line, as ``ssh-keyscan`` prints it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import struct

KEY_TYPES = frozenset({"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"})
SSH_PORT = 22
EXPECTED = "`TYPE BASE64`, for example `ssh-ed25519 AAAAC3Nz…`, without a host name before it"


def fault(text: str) -> str | None:
    """What is wrong with a pinned key, in words; ``None`` when it is well formed."""
    words = text.split()
    if len(words) >= 3 and words[1] in KEY_TYPES:  # noqa: PLR2004  a known_hosts line has the host name first
        return f"a line of known_hosts, which begins with the host name {words[0]!r}"
    if len(words) not in {2, 3}:
        return f"{len(words)} word(s)"
    if words[0] not in KEY_TYPES:
        return f"key type {words[0]!r}"
    inner = _inner_type(words[1])
    if inner is None:
        return "a second word that is not a key in base64"
    return None if inner == words[0] else f"a key of type {inner!r} that is labelled {words[0]!r}"


def _inner_type(text: str) -> str | None:
    """Read the type that is repeated inside the blob (RFC 4253, section 6.6): uint32 length, then the name."""
    try:
        blob = base64.b64decode(text, validate=True)
        (length,) = struct.unpack(">I", blob[:4])
        name = blob[4 : 4 + length].decode("ascii")
    except (binascii.Error, struct.error, UnicodeDecodeError):
        return None
    return name if len(name) == length and len(blob) > 4 + length else None


def bare(text: str) -> str:
    """The key without its comment."""
    return " ".join(text.split()[:2])


def fingerprint(text: str) -> str:
    """``SHA256:…`` as ``ssh-keygen -l`` shows it."""
    digest = hashlib.sha256(base64.b64decode(text.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def known_hosts_name(address: str, port: int) -> str:
    """The name under which OpenSSH looks a host up."""
    return address if port == SSH_PORT else f"[{address}]:{port}"


def known_hosts_line(address: str, port: int, key: str) -> str:
    """One line of a known_hosts file."""
    return f"{known_hosts_name(address, port)} {bare(key)}\n"


def is_address(text: str) -> bool:
    """Whether ``text`` is an IPv4 or IPv6 address in its plain form."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
