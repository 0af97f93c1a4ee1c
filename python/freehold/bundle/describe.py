"""What a deployment needs to know of a bundle: a document small enough for Pulumi's inputs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from freehold.bundle.apt_repository import read_packages
from freehold.bundle.keys import fingerprint
from freehold.bundle.layout import MODELS, PUBLIC_KEY, REQUIREMENTS
from freehold.bundle.manifest import read_manifest
from freehold.errors import IntegrityError


def describe(folder: Path) -> dict[str, Any]:
    """``{"manifest_sha256", "serial", "key_fingerprint", "public_key", "requirements", "models", "packages"}``.

    ``requirements`` maps a set to the digest of its file, ``models`` a name to its manifest, ``packages`` lists
    ``name=version``. Of the files, only those that are read here are checked against the manifest, and the manifest's
    signature is not: see :func:`freehold.bundle.check_owner` and :func:`freehold.bundle.verify`.
    """
    manifest = read_manifest(folder)
    public_key = (folder / PUBLIC_KEY).read_text(encoding="ascii")
    listed = {path: entry.sha256 for path, entry in manifest.by_path().items()}
    models = [path for path in listed if path.startswith(f"{MODELS}/")]
    return {
        "manifest_sha256": manifest.sha256,
        "serial": manifest.serial,
        "key_fingerprint": fingerprint(public_key),
        "public_key": public_key,
        "requirements": {Path(p).stem: sha for p, sha in listed.items() if p.startswith(f"{REQUIREMENTS}/")},
        "models": {Path(path).stem: json.loads(_checked(folder / path, listed[path])) for path in models},
        "packages": read_packages(folder),
    }


def _checked(path: Path, sha256: str) -> bytes:
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise IntegrityError(
            "BUNDLE_DIGEST", str(path), f"sha256 {found}", expected=sha256, fix="freehold bundle build makes it anew"
        )
    return content
