"""Weights from a bundle's web server into the store.

Everything hangs on one digest, that of the bundle's manifest, which comes over SSH with the deployment: it names the
model's manifest, which names the blobs. The connection itself needs no trust.
"""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.errors import IntegrityError, RefusedError, UsageError
from freehold.steps import Report
from freehold.weights.digests import human_bytes, sha256_bytes
from freehold.weights.download import Client, Pace, download, read_small
from freehold.weights.manifest import ModelManifest, parse_manifest
from freehold.weights.rules import name_fault
from freehold.weights.store import Space, Store, free_space, unsafe

MODELS = "weights/models"
BLOBS = "weights/blobs/sha256"
SMALL = 64 << 20
"""No manifest is larger than this many bytes."""


@dataclass(frozen=True)
class Fetched:
    """What a fetch did. ``changed`` is False when the store had exactly this model."""

    name: str
    digest: str
    changed: bool
    downloaded_bytes: int


def fetch(
    name: str,
    *,
    url: str,
    manifest_sha256: str,
    store: Store,
    report: Report,
    client: Client | None = None,
    pace: Pace | None = None,
    space: Callable[[Path], Space] = free_space,
) -> Fetched:
    """Bring ``name`` from the bundle at ``url`` whose ``manifest.json`` has the given digest, and serve it.

    Raises :class:`IntegrityError` for other bytes than promised, :class:`RefusedError` before anything is written,
    :class:`PartialError` when it was cut off; in each case what was served before still is.
    """
    client = client or Client()
    manifest = remote_manifest(name, _root(url), manifest_sha256, client)
    with store.lock():
        store.prepare()
        # Every byte is read, also of what seems to be here: a converge is how a damaged model is mended.
        missing = store.missing(manifest)
        if not missing and store.has(manifest):
            return Fetched(name, manifest.digest, changed=False, downloaded_bytes=0)
        store.require_space(missing, space)
        for number, file in enumerate(missing, start=1):
            report(f"{name}: file {number} of {len(missing)}, {file.path}, {human_bytes(file.bytes)}")
            download(
                f"{_root(url)}/{BLOBS}/{file.sha256}",
                store.partial(file.sha256),
                file,
                client=client,
                pace=pace or Pace(),
                report=report,
            )
            store.admit(store.partial(file.sha256), file)
        store.link(manifest)
    return Fetched(name, manifest.digest, changed=True, downloaded_bytes=sum(file.bytes for file in missing))


def remote_manifest(name: str, root: str, manifest_sha256: str, client: Client) -> ModelManifest:
    """The model's manifest, by way of the bundle's. Refuses a model with files that may not be in one."""
    bundle = read_small(f"{root}/manifest.json", client, SMALL)
    _require(bundle, manifest_sha256, f"{root}/manifest.json")
    place = f"{MODELS}/{name}.json"
    digest = _listed(json.loads(bundle), place, name)
    data = read_small(f"{root}/{place}", client, SMALL)
    _require(data, digest, f"{root}/{place}")
    manifest = parse_manifest(data, f"{root}/{place}")
    if manifest.name != name:
        raise IntegrityError("WEIGHTS_MANIFEST_INVALID", place, f"is of model {manifest.name}", expected=name)
    for file in manifest.files:
        if fault := name_fault(file.path):
            raise unsafe(name, file.path, fault)
    return manifest


def _root(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise UsageError("WEIGHTS_URL", url, "not a web address", expected="http://host:port/… of a bundle")
    return url.rstrip("/")


def _require(data: bytes, expected: str, subject: str) -> None:
    found = sha256_bytes(data)
    if found != expected:
        raise IntegrityError(
            "BUNDLE_DIGEST",
            subject,
            f"sha256 {found}",
            expected=f"sha256 {expected}",
            why="it is not the bundle that this deployment was computed from",
            fix="run the provisioning again, so that it reads the bundle that is served now",
        )


def _listed(bundle: dict[str, Any], place: str, name: str) -> str:
    models = {file["path"]: file["sha256"] for file in bundle["files"] if file["path"].startswith(f"{MODELS}/")}
    if place not in models:
        raise RefusedError(
            "WEIGHTS_UNKNOWN_MODEL",
            name,
            "not in this bundle",
            expected=", ".join(sorted(Path(path).stem for path in models)) or "a bundle with models",
            fix=f"on the control host: freehold weights import {name} PATH …, then freehold bundle build",
        )
    return str(models[place])
