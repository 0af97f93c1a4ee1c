"""Is a wheel what it says it is: every file in its record, each with the digest there, none beside it."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from freehold.errors import IntegrityError
from freehold.weights.manifest import path_fault

# Signature files of the record itself cannot be in it (the wheel format's own rule).
_UNRECORDED = ("RECORD", "RECORD.jws", "RECORD.p7s")


def check_wheel(path: Path) -> None:
    """Raises :class:`IntegrityError` naming the wheel and the files in it that are not as recorded."""
    try:
        with zipfile.ZipFile(path) as wheel:
            faults = list(_faults(wheel))
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
        faults = [f"not a wheel: {error}"]
    if faults:
        raise IntegrityError(
            "BUNDLE_WHEEL_RECORD",
            path.name,
            "; ".join(faults[:5]),
            expected="every file recorded with its digest, and no other",
            why="an installer would put the file on the nodes without anybody having listed it",
            fix="take the wheel from its publisher again, or another release of it",
        )


def _faults(wheel: zipfile.ZipFile) -> Iterator[str]:
    names = [info.filename for info in wheel.infolist() if not info.is_dir()]
    # At the top: a wheel may carry others' records further down, as setuptools does.
    record = next((name for name in names if name.endswith(".dist-info/RECORD") and name.count("/") == 1), "")
    if not record:
        yield "no RECORD"
        return
    folder = record.removesuffix("RECORD")
    rows = csv.reader(io.StringIO(wheel.read(record).decode("utf-8")))
    recorded = {row[0]: row[1] for row in rows if row}
    if len(names) != len(set(names)):
        yield "a file twice"
    for name in names:
        if fault := path_fault(name):
            yield f"{name} {fault}"
        elif name not in recorded and name not in {folder + own for own in _UNRECORDED}:
            yield f"{name} is not recorded"
        elif name in recorded and name != record and (fault := _digest_fault(wheel, name, recorded[name])):
            yield f"{name} {fault}"


def _digest_fault(wheel: zipfile.ZipFile, name: str, recorded: str) -> str:
    algorithm, _, value = recorded.partition("=")
    if algorithm not in {"sha256", "sha384", "sha512"}:
        return f"is recorded without a digest ({recorded[:20]!r})"
    with wheel.open(name) as stream:
        digest = hashlib.file_digest(stream, algorithm).digest()  # type: ignore[arg-type]
    found = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return "" if found == value else "has other bytes than recorded"
