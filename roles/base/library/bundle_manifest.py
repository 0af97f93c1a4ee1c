"""Ansible module: the bundle is the owner's, the one of this deployment, and apt's only source - or nothing happens."""  # noqa: INP001  a role's module

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped]  # ansible carries no types
from ansible.module_utils.urls import open_url  # type: ignore[import-untyped]  # ansible carries no types

DOCUMENTATION = r"""
module: bundle_manifest
short_description: Check a Freehold bundle's manifest and put it on record
description:
  - Fetches C(manifest.json) and its detached signature, checks the signature with gpgv against the owner's key, the
    digest against the one of this deployment, the serial against the manifest accepted last, and that apt installs
    from this bundle only, with signatures.
  - Reports changed when the manifest is not the one on record; in check mode it only looks.
options:
  url: {type: str, required: true, description: Root of the bundle.}
  sha256: {type: str, required: true, description: Expected digest of the manifest.}
  fingerprint: {type: str, required: true, description: Fingerprint of the key that must have signed it.}
  key_file: {type: path, required: true, description: Armored public key on the node.}
  record: {type: path, required: true, description: Where the accepted manifest is kept.}
  allow_older: {type: bool, default: false, description: Accept a smaller serial than the one on record.}
author: Freehold
"""

EXAMPLES = r"""
- name: The bundle is the owner's
  bundle_manifest:
    url: http://10.0.0.1:8480
    sha256: "{{ digest }}"
    fingerprint: "{{ fingerprint }}"
    key_file: /etc/freehold/bundle.asc
    record: /var/lib/freehold/bundle/manifest.json
"""

RETURN = r"""
accepted:
  description: Whether exactly this manifest was on record before.
  returned: success
  type: bool
serial:
  description: Serial of the manifest.
  returned: success
  type: int
"""

SECONDS = 30
Run = Callable[[list[str]], tuple[int, str, str]]


class Refusal(Exception):  # noqa: N818  the module says no
    """What was found, what was expected, and the way out."""

    def __init__(self, code: str, subject: str, found: str, expected: str, fix: str) -> None:
        super().__init__(f"{code} {subject}: found {found}, expected {expected}; {fix}. Nothing was changed")


@dataclass(frozen=True)
class Wanted:
    """What the deployment says about the bundle."""

    url: str
    sha256: str
    fingerprint: str
    key_file: Path
    record: Path
    allow_older: bool


def dearmor(text: str) -> bytes:
    """The binary of an armored key: gpgv of this generation reads nothing else."""
    body = text.partition("-----BEGIN PGP PUBLIC KEY BLOCK-----")[2].partition("-----END")[0]
    lines = [line.strip() for line in body.partition("\n\n")[2].splitlines()]
    return base64.b64decode("".join(line for line in lines if not line.startswith("=")))


def signers(status: str) -> set[str]:
    """Primary-key fingerprints of the good signatures in gpgv's status output."""
    rows = (line.split() for line in status.splitlines() if line.startswith("[GNUPG:] VALIDSIG "))
    return {row[-1] for row in rows}


def check_signature(wanted: Wanted, manifest: bytes, signature: bytes, run: Run) -> None:
    """Refuse a manifest that the owner's key did not sign."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "manifest.json").write_bytes(manifest)
        (folder / "manifest.json.asc").write_bytes(signature)
        (folder / "key.gpg").write_bytes(dearmor(wanted.key_file.read_text(encoding="ascii").replace("\r\n", "\n")))
        words = ["gpgv", "--status-fd", "1", "--keyring", str(folder / "key.gpg")]
        code, output, errors = run([*words, str(folder / "manifest.json.asc"), str(folder / "manifest.json")])
    if code != 0 or wanted.fingerprint not in signers(output):
        raise Refusal(
            "BUNDLE_SIGNATURE",
            f"{wanted.url}/manifest.json.asc",
            (errors.strip().splitlines() or ["no good signature"])[-1],
            f"a signature by {wanted.fingerprint}",
            "build the bundle again on the control host, or bootstrap the node with the new key",
        )


def check_identity(wanted: Wanted, manifest: bytes) -> None:
    """Refuse a bundle, however well signed, that is not the one of this deployment."""
    digest = hashlib.sha256(manifest).hexdigest()
    if digest != wanted.sha256:
        raise Refusal(
            "BUNDLE_DIGEST",
            f"{wanted.url}/manifest.json",
            f"sha256 {digest}",
            wanted.sha256,
            "run the provisioning again, so that it reads the bundle that is served now",
        )


def check_serial(wanted: Wanted, manifest: bytes) -> None:
    """Refuse to go back, and refuse two bundles with one serial."""
    if wanted.allow_older or not wanted.record.is_file():
        return
    known = wanted.record.read_bytes()
    before, now = (json.loads(text)["serial"] for text in (known, manifest))
    if now < before or (now == before and known != manifest):
        raise Refusal(
            "BUNDLE_OLDER",
            "base_bundle_manifest_sha256",
            f"serial {now}",
            f"more than {before}, the serial accepted last on this node",
            "build a new bundle, or set base_bundle_allow_older to true to go back on purpose",
        )


def stanzas(text: str) -> list[dict[str, str]]:
    """The stanzas of a deb822 file, field names in small letters, comments left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    blocks = [block for block in lines.split("\n\n") if block.strip()]
    rows = ([line.partition(":") for line in block.splitlines() if ":" in line] for block in blocks)
    return [{name.strip().lower(): value.strip() for name, _, value in row} for row in rows]


def faults_of_sources(wanted: Wanted, folder: Path) -> list[str]:
    """What apt would install from besides the signed bundle; ``folder`` is /etc/apt."""
    lists = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]
    lines = [(path, line.strip()) for path in lists if path.is_file() for line in path.read_text().splitlines()]
    faults = [f"{path.name}: {line}" for path, line in lines if line and not line.startswith("#")]
    found = False
    for path in sorted((folder / "sources.list.d").glob("*.sources")):
        for stanza in stanzas(path.read_text()):
            good = stanza.get("uris") == f"{wanted.url}/apt" and stanza.get("signed-by") == str(wanted.key_file)
            if good and "trusted" not in stanza:
                found = True
            elif stanza.get("enabled") != "no":
                faults.append(f"{path.name}: {stanza.get('uris', 'no URIs')}")
    return faults if found else [*faults, "no signed source for the bundle"]


def check_sources(wanted: Wanted, folder: Path) -> None:
    """Refuse apt sources that are somebody else's, or that apt would believe without the owner's key."""
    if faults := faults_of_sources(wanted, folder):
        raise Refusal(
            "APT_SOURCE",
            f"{folder}/sources.list.d",
            "; ".join(faults),
            f"only {wanted.url}/apt, Signed-By {wanted.key_file}",
            "remove the other sources; the bootstrap writes the right one",
        )


def fetch(url: str) -> bytes:
    """What is at ``url``. No proxy: the bundle is in the owner's own network."""
    with open_url(url, timeout=SECONDS, use_proxy=False) as answer:
        return bytes(answer.read())


def look(wanted: Wanted, run: Run, *, get: Callable[[str], bytes] = fetch, apt: Path = Path("/etc/apt")) -> bytes:
    """Fetch the manifest and make every check. Raises :class:`Refusal`."""
    try:
        manifest, signature = get(f"{wanted.url}/manifest.json"), get(f"{wanted.url}/manifest.json.asc")
    except OSError as error:
        raise Refusal(
            "BUNDLE_UNREACHABLE", wanted.url, str(error), "the bundle's web server", "start it on the control host"
        ) from error
    check_signature(wanted, manifest, signature, run)
    check_identity(wanted, manifest)
    check_serial(wanted, manifest)
    check_sources(wanted, apt)
    return manifest


def main() -> None:
    """Run as Ansible runs it."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "sha256": {"type": "str", "required": True},
            "fingerprint": {"type": "str", "required": True},
            "key_file": {"type": "path", "required": True},
            "record": {"type": "path", "required": True},
            "allow_older": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given: dict[str, Any] = module.params
    paths = {name: Path(given[name]) for name in ("key_file", "record")}
    wanted = Wanted(**{**given, **paths, "url": given["url"].rstrip("/")})
    try:
        manifest = look(wanted, module.run_command)
    except (Refusal, OSError) as error:
        module.fail_json(msg=str(error))
    accepted = wanted.record.is_file() and wanted.record.read_bytes() == manifest
    if not accepted and not module.check_mode:
        wanted.record.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        wanted.record.write_bytes(manifest)
    module.exit_json(changed=not accepted, accepted=accepted, serial=json.loads(manifest)["serial"])


if __name__ == "__main__":
    main()
