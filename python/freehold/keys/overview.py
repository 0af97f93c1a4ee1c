"""What there is and when it ends, as a document and as metrics. Reads public files only; opens no key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from freehold.keys import clock, files, ledger, openpgp, signing
from freehold.keys.files import Entry, KeysFolder, Shelf

END = "freehold_keys_not_after_timestamp_seconds"
KEY_HERE = "freehold_keys_root_key_on_control_host"


@dataclass(frozen=True)
class Row:
    """One certificate: ``state`` is ok, due (a third of its life is left), expired, older or revoked."""

    use: str
    name: str
    id: str
    state: str
    not_after: str
    key_here: bool


def rows(folder: KeysFolder, now: clock.Clock) -> list[Row]:
    """Roots, issuing certificates, signing keys, then the leaves in force."""
    folder.site  # noqa: B018  raises where there is no hierarchy
    gone = {(one.issuer, one.serial) for one in ledger.revoked(folder)}
    shelves = [("root", folder.roots), ("issuing", folder.issuing)]
    shelves += [(f"signing/{purpose}", folder.signing(purpose)) for purpose in signing.PURPOSES]
    upper = [_row(use, shelf, entry, gone, now()) for use, shelf in shelves for entry in shelf.entries()]
    return [*upper, *_leaves(folder, now)]


def _row(use: str, shelf: Shelf, entry: Entry, gone: set[tuple[str, str]], moment: dt.datetime) -> Row:
    certificate, current = entry.certificate, shelf.current()
    state = _state(certificate.not_valid_before_utc, certificate.not_valid_after_utc, moment)
    if state == "ok" and current is not None and current.id != entry.id:
        state = "older"
    if f"{certificate.serial_number:x}" in {serial for _, serial in gone}:
        state = "revoked"
    end = clock.iso(certificate.not_valid_after_utc)
    return Row(use, entry.id, entry.id, state, end, entry.key_file.is_file())


def _leaves(folder: KeysFolder, now: clock.Clock) -> Iterator[Row]:
    latest = {one.uri: one for one in ledger.in_force(folder, now) if "/signing/" not in one.uri}
    for uri, one in sorted(latest.items()):
        begin, end = dt.datetime.fromisoformat(one.not_before), dt.datetime.fromisoformat(one.not_after)
        yield Row("leaf", uri, one.key, _state(begin, end, now()), one.not_after, key_here=False)


def _state(begin: dt.datetime, end: dt.datetime, moment: dt.datetime) -> str:
    if moment >= end:
        return "expired"
    return "due" if clock.is_due(begin, end, moment) else "ok"


def document(folder: KeysFolder, now: clock.Clock) -> dict[str, object]:
    """The JSON form."""
    return {
        "site": folder.site,
        "folder": str(folder.path),
        "root_key_here": any(entry.key_file.is_file() for entry in folder.roots.entries()),
        "openpgp": {"fingerprint": openpgp.fingerprint(folder), "vouched": openpgp.vouched(folder)},
        "certificates": [asdict(row) for row in rows(folder, now)],
        "revoked": [asdict(one) for one in ledger.revoked(folder)],
    }


def metrics(folder: KeysFolder, now: clock.Clock) -> str:
    """The same for Prometheus: when each certificate ends, and whether the root's key lies on this host."""
    lines = [f"# HELP {END} End of a certificate of the key hierarchy.", f"# TYPE {END} gauge"]
    for row in rows(folder, now):
        if row.state != "revoked":
            seconds = int(dt.datetime.fromisoformat(row.not_after).timestamp())
            lines.append(f'{END}{{use="{row.use}",name="{row.name}"}} {seconds}')
    here = int(any(entry.key_file.is_file() for entry in folder.roots.entries()))
    lines += [f"# HELP {KEY_HERE} Whether the root's key lies on the control host.", f"# TYPE {KEY_HERE} gauge"]
    return "\n".join([*lines, f"{KEY_HERE} {here}", ""])


def write_metrics(folder: KeysFolder, target: Path, now: clock.Clock) -> None:
    """Write them where a collector of text files reads."""
    files.write(target, metrics(folder, now).encode(), files.PUBLIC)
