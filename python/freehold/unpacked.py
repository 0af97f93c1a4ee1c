"""Programs of Debian packages whose installation would start a server: downloaded, verified by apt, only unpacked.

Needs the standard library alone, since the environment step runs before anything else is there.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from freehold.errors import PartialError
from freehold.process import Runner, run


def unpack(package: str, cache: Path, why: str, runner: Runner = run) -> Path:
    """Return the folder that holds the package's files; what the cache has is taken as it is.

    ``why`` is said when the machine's archive does not give it: :class:`PartialError`.
    """
    folder = cache / package
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".work-", dir=cache))
    try:
        file = _download(package, work, why, runner)
        runner(["dpkg-deb", "--extract", file, work / "root"])
        (work / "root").rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def _download(package: str, work: Path, why: str, runner: Runner) -> Path:
    words = ["apt-get", "download", "-q", package]
    done = runner(words, cwd=work, check=False)
    if done.returncode != 0:  # the lists are missing, or older than the archive
        runner(["apt-get", "update"], check=False)
        done = runner(words, cwd=work, check=False)
    found = sorted(work.glob(f"{package}_*.deb"))
    if done.returncode != 0 or not found:
        raise PartialError(
            "PACKAGE_NOT_THERE",
            f"apt-get download {package}",
            (done.stderr or done.stdout).strip() or "no package came",
            expected="the package from this machine's Debian archive",
            why=why,
            fix="mend /etc/apt until `apt-get update` succeeds, and run the same command again",
            changed="what the steps above list",
        )
    return found[0]
