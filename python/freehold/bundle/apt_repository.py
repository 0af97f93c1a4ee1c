"""A signed apt repository from a folder of packages: a pool, its index, and the index's signature."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path

from freehold.bundle.apt_download import Apt, Deb
from freehold.bundle.keys import Keys
from freehold.bundle.layout import APT, ARCHITECTURE, COMPONENT, PACKAGES, SUITE
from freehold.process import Runner
from freehold.steps import Report
from freehold.weights.digests import sha256_bytes

POOL = f"pool/{COMPONENT}"


def pool_name(deb: str) -> str:
    """The name in the pool: as Debian's own, without the epoch, so that no name needs escaping twice in a URL."""
    package, version, rest = deb.split("_", 2)
    return f"{package}_{version.rpartition('%3a')[2]}_{rest}"


def fill_pool(bundle: Path, apt: Apt, debs: tuple[Deb, ...]) -> None:
    """Copy the packages. Copies, not links: what happens to the bundle must not reach the cache."""
    pool = bundle / APT / POOL
    pool.mkdir(parents=True)
    for deb in debs:
        shutil.copyfile(apt.archives / deb.name, pool / pool_name(deb.name))


def index(bundle: Path, runner: Runner) -> bytes:
    """The text of ``Packages``, sorted, whatever order the folder is read in."""
    scanned = runner(("apt-ftparchive", "--arch", ARCHITECTURE, "packages", "pool"), cwd=bundle / APT, timeout=600)
    stanzas = sorted(stanza for stanza in scanned.stdout.split("\n\n") if stanza.strip())
    return ("\n\n".join(stanza.strip("\n") for stanza in stanzas) + "\n\n").encode()


def write_index(
    bundle: Path, packages: bytes, keys: Keys, *, previous: Path | None, clock: Callable[[], datetime], report: Report
) -> None:
    """Write and sign the index; the signed files of ``previous`` are kept when they would say the same.

    ``Date`` is the time of signing: apt takes a repository with an older date for a replay.
    """
    place = bundle / PACKAGES
    place.parent.mkdir(parents=True)
    place.write_bytes(packages)
    compressed = gzip.compress(packages, compresslevel=9, mtime=0)
    place.with_name("Packages.gz").write_bytes(compressed)
    dists = Path(APT) / "dists" / SUITE
    if previous is not None and _same(previous, packages, keys):
        for name in ("Release", "InRelease"):
            shutil.copyfile(previous / dists / name, bundle / dists / name)
        return
    report("signing the package index")
    (bundle / dists / "Release").write_text(_release(packages, compressed, clock()), encoding="ascii")
    keys.clearsign(bundle / dists / "Release", bundle / dists / "InRelease")


def _same(previous: Path, packages: bytes, keys: Keys) -> bool:
    old, key = previous / PACKAGES, previous / "key.asc"
    known = old.is_file() and key.is_file()
    return known and old.read_bytes() == packages and key.read_text(encoding="ascii") == keys.public_key()


def _release(packages: bytes, compressed: bytes, now: datetime) -> str:
    folder = f"{COMPONENT}/binary-{ARCHITECTURE}"
    files = ((f"{folder}/Packages", packages), (f"{folder}/Packages.gz", compressed))
    return "".join(
        (
            "Origin: Freehold\nLabel: Freehold bundle\n",
            f"Suite: {SUITE}\nCodename: {SUITE}\nDate: {format_datetime(now, usegmt=True)}\n",
            f"Architectures: {ARCHITECTURE}\nComponents: {COMPONENT}\nSHA256:\n",
            *(f" {sha256_bytes(data)} {len(data)} {name}\n" for name, data in files),
        )
    )


def read_packages(bundle: Path) -> list[str]:
    """``name=version`` of every package in the bundle, sorted."""
    text = (bundle / PACKAGES).read_text(encoding="utf-8")
    stanzas = (dict(_fields(stanza)) for stanza in text.split("\n\n") if stanza.strip())
    return sorted(f"{fields['Package']}={fields['Version']}" for fields in stanzas)


def _fields(stanza: str) -> list[tuple[str, str]]:
    lines = (line for line in stanza.splitlines() if not line.startswith(" "))
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
