"""What a deployment needs to know of a bundle: a document small enough for Pulumi's inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from freehold.bundle.apt_repository import read_packages
from freehold.bundle.keys import fingerprint
from freehold.bundle.layout import MODELS, PUBLIC_KEY, REQUIREMENTS
from freehold.bundle.manifest import read_manifest


def describe(folder: Path) -> dict[str, Any]:
    """``{"manifest_sha256", "serial", "key_fingerprint", "public_key", "requirements", "models", "packages"}``.

    ``requirements`` maps a set to the digest of its file, ``models`` a name to its manifest, ``packages`` lists
    ``name=version``. Nothing is verified here; see :func:`freehold.bundle.verify`.
    """
    manifest = read_manifest(folder)
    public_key = (folder / PUBLIC_KEY).read_text(encoding="ascii")
    listed = {path: entry.sha256 for path, entry in manifest.by_path().items()}
    return {
        "manifest_sha256": manifest.sha256,
        "serial": manifest.serial,
        "key_fingerprint": fingerprint(public_key),
        "public_key": public_key,
        "requirements": {Path(p).stem: sha for p, sha in listed.items() if p.startswith(f"{REQUIREMENTS}/")},
        "models": {Path(p).stem: json.loads((folder / p).read_bytes()) for p in listed if p.startswith(f"{MODELS}/")},
        "packages": read_packages(folder),
    }
