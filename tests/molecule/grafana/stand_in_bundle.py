"""Makes a bundle's part of packages with one package, ``grafana``: the stand-in beside this file.

``stand_in_bundle.py FOLDER`` writes ``FOLDER/bundle``. It goes the way of the owner's own package: imported by its
digest, put into the pool, listed and signed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from freehold.bundle import apt_repository
from freehold.bundle.builder import now
from freehold.bundle.keys import Keys
from freehold.bundle.layout import APT, PUBLIC_KEY
from freehold.bundle.packages import Packages, read_package
from freehold.process import run

HERE = Path(__file__).parent / "stand_in"
PLACES = {
    "control": "DEBIAN/control",
    "postinst": "DEBIAN/postinst",
    "server.py": "usr/share/grafana/bin/grafana",
    "grafana-server.service": "lib/systemd/system/grafana-server.service",
}
PROGRAMS = {"postinst", "server.py"}


def package(folder: Path) -> Path:
    """Build the stand-in's package file."""
    tree = folder / "tree"
    for name, place in PLACES.items():
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(HERE / name, tree / place)
        (tree / place).chmod(0o755 if name in PROGRAMS else 0o644)
    run(("dpkg-deb", "--root-owner-group", "-Znone", "-b", str(tree), str(folder / "grafana.deb")))
    return folder / "grafana.deb"


def main(folder: Path) -> None:
    """Import, pool, list, sign."""
    shutil.rmtree(folder, ignore_errors=True)
    file, bundle, keys = package(folder), folder / "bundle", Keys(folder / "keys")
    imports = Packages(folder / "packages")
    imports.add(file, read_package(file))
    keys.ensure(print)
    (bundle / APT / apt_repository.POOL).mkdir(parents=True)
    imports.fill_pool(bundle / APT / apt_repository.POOL)
    packages = apt_repository.index(bundle, run)
    apt_repository.write_index(bundle, packages, keys, previous=None, clock=now, report=print)
    (bundle / PUBLIC_KEY).write_text(keys.public_key(), encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
