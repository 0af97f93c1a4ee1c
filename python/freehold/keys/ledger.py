"""What was issued and what was revoked: two files of JSON lines, appended under the folder's lock; nothing secret."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography import x509

from freehold.keys import clock, files, names
from freehold.keys.files import KeysFolder


@dataclass(frozen=True)
class Issued:
    """A certificate that this hierarchy signed; ``issuer`` and ``key`` are key ids, times are ISO 8601 in UTC."""

    serial: str
    issuer: str
    name: str
    uri: str
    key: str
    not_before: str
    not_after: str


@dataclass(frozen=True)
class Revoked:
    """A certificate that is good no more."""

    serial: str
    issuer: str
    name: str
    uri: str
    key: str
    reason: str
    at: str


def note_issued(folder: KeysFolder, issuer: str, certificate: x509.Certificate) -> Issued:
    """Append a certificate to the ledger."""
    entry = row_of(issuer, certificate)
    _append(folder.path / "issued.jsonl", json.dumps(asdict(entry), sort_keys=True))
    return entry


def row_of(issuer: str, certificate: x509.Certificate) -> Issued:
    """A certificate as a row of the ledger."""
    uris = names.uris_of(certificate)
    return Issued(
        serial=f"{certificate.serial_number:x}",
        issuer=issuer,
        name=str(certificate.subject.rfc4514_string().partition("CN=")[2].partition(",")[0]),
        uri=uris[0] if uris else "",
        key=files.key_id(certificate.public_key()),
        not_before=clock.iso(certificate.not_valid_before_utc),
        not_after=clock.iso(certificate.not_valid_after_utc),
    )


def note_revoked(folder: KeysFolder, entry: Issued, reason: str, now: clock.Clock) -> Revoked:
    """Append a revocation."""
    revoked = Revoked(entry.serial, entry.issuer, entry.name, entry.uri, entry.key, reason, clock.iso(now()))
    _append(folder.path / "revoked.jsonl", json.dumps(asdict(revoked), sort_keys=True))
    return revoked


def issued(folder: KeysFolder) -> list[Issued]:
    """Everything that was issued, in that order."""
    return [Issued(**row) for row in _rows(folder.path / "issued.jsonl")]


def revoked(folder: KeysFolder) -> list[Revoked]:
    """Everything that was revoked, in that order."""
    return [Revoked(**row) for row in _rows(folder.path / "revoked.jsonl")]


def in_force(folder: KeysFolder, now: clock.Clock) -> list[Issued]:
    """What has neither expired nor been revoked."""
    gone = {(one.issuer, one.serial) for one in revoked(folder)}
    moment = clock.iso(now())
    return [one for one in issued(folder) if one.not_after > moment and (one.issuer, one.serial) not in gone]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    # A line that a power cut left half-written ends without a newline: it was never acted on.
    return (json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n"))


def _append(path: Path, line: str) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, files.PUBLIC)
    try:
        whole = os.pread(descriptor, os.fstat(descriptor).st_size, 0).rpartition(b"\n")
        end = len(whole[0] + whole[1])
        os.ftruncate(descriptor, end)
        os.pwrite(descriptor, f"{line}\n".encode(), end)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
