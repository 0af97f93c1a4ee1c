"""Is a bundle what it was signed as: the signature, every byte, and nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from freehold.bundle.keys import check_signature
from freehold.bundle.layout import MANIFEST, PUBLIC_KEY, SIGNATURE
from freehold.bundle.manifest import BundleManifest, read_manifest, walk
from freehold.errors import FreeholdError, IntegrityError, RefusedError, raise_all
from freehold.process import Runner, run
from freehold.steps import Report
from freehold.weights.digests import sha256_file


def check_owner(folder: Path, public_key: str, runner: Runner = run) -> None:
    """Check that the bundle's manifest is signed by the key that the caller trusts; of the files, nothing is read."""
    signature = folder / SIGNATURE
    if not signature.is_file():
        raise _fault(SIGNATURE, "there is none", "the manifest's signature")
    check_signature(folder / MANIFEST, signature, public_key, runner)


def verify(folder: Path, public_key: str, report: Report, runner: Runner = run) -> BundleManifest:
    """Check the bundle in ``folder`` against the key that the caller trusts, never the one that lies in it.

    Raises :class:`IntegrityError`, one for each file that is not as signed.
    """
    report("checking the signature")
    check_owner(folder, public_key, runner)
    manifest = read_manifest(folder)
    faults: list[FreeholdError] = list(_faults(folder, manifest, report))
    if not faults and (folder / PUBLIC_KEY).read_text(encoding="utf-8") != public_key:
        faults.append(_fault(PUBLIC_KEY, "another key than the trusted one", "the key that the bundle is signed with"))
    raise_all(faults)
    return manifest


def refuse_older(serial: int, installed: int, *, allow: bool = False) -> None:
    """Refuse a bundle that is older than the installed one, unless going back was asked for."""
    if serial < installed and not allow:
        raise RefusedError(
            "BUNDLE_OLDER",
            f"serial {serial}",
            f"serial {installed} is installed",
            expected=f"serial {installed} or higher",
            why="an old bundle, correctly signed, brings back what a newer one mended",
            fix="build the bundle again; to go back on purpose add --allow-older",
        )


def _faults(folder: Path, manifest: BundleManifest, report: Report) -> Iterator[FreeholdError]:
    listed = manifest.by_path()
    for path in walk(folder):
        if path not in listed:
            yield _fault(path, "not in the manifest", "no such file")
    told = ""
    for entry in manifest.files:
        if (part := entry.path.rpartition("/")[0]) != told:
            told = part
            report(f"reading {part}")
        place = folder / entry.path
        if place.is_symlink() or not place.is_file():
            yield _fault(entry.path, "a link or no file", f"{entry.bytes} bytes")
        elif (found := sha256_file(place)) != entry.sha256:
            yield _fault(entry.path, f"sha256 {found}, {place.stat().st_size} bytes", f"sha256 {entry.sha256}")


def _fault(path: str, found: str, expected: str) -> IntegrityError:
    return IntegrityError(
        "BUNDLE_DIGEST",
        path,
        found,
        expected=expected,
        why="a node would install or load something that nobody signed",
        fix="freehold bundle build",
    )
