"""Ansible module: the node's own private key, born here, and a signing request for it."""  # noqa: INP001  a role's module

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped]  # ansible carries no types

DOCUMENTATION = r"""
module: tls_identity
short_description: Make the node's key where there is none, and a signing request
description:
  - The key is made by openssl on the node, readable by root only, and never read by this module.
  - A new key is a draft beside the one in use until its certificate is there; a run that is cut off changes nothing.
  - The request proves to the control host that the node holds the key; the names in it count nothing.
  - In check mode it only looks. For a key that is still to be made the request is empty then.
options:
  key_file: {type: path, required: true, description: The key.}
  certificate_file: {type: path, required: true, description: The certificate that is there, if any.}
  name: {type: str, required: true, description: A name for people who look at the request.}
  new_key: {type: bool, default: false, description: Replace the key.}
  state:
    type: str
    default: asked
    choices: [asked, placed]
    description: C(asked) returns a request. C(placed) puts a drafted key and its certificate into use.
  chain: {type: str, default: "", description: For C(placed), the certificate that was signed.}
  units: {type: list, elements: str, default: [], description: For C(placed), units (or patterns) that hold the key.}
author: Freehold
"""

EXAMPLES = r"""
- name: The node's own key
  tls_identity:
    key_file: /etc/freehold/credentials/tls.key
    certificate_file: /etc/freehold/tls/node.crt
    name: gpu1
"""

RETURN = r"""
request: {description: PKCS 10 in PEM; empty without a key., returned: asked, type: str}
certificate: {description: What certificate_file holds; empty for a key to be made., returned: asked, type: str}
restart: {description: Units that hold another key than the one in use., returned: placed, type: list}
clock: {description: The node's clock in seconds since the epoch., returned: success, type: int}
"""

Run = Callable[[list[str]], tuple[int, str, str]]
OPENSSL, CMP = "/usr/bin/openssl", "/usr/bin/cmp"
CREDENTIALS = Path("/run/credentials")
"""Where systemd keeps what each running unit was given, in a folder named like the unit."""


class Refusal(Exception):  # noqa: N818  the module says no
    """openssl said no."""


@dataclass(frozen=True)
class Identity:
    """Where things lie on the node."""

    key: Path
    certificate: Path
    name: str

    @property
    def draft(self) -> Path:
        """A key that has no certificate yet."""
        return self.key.with_name(self.key.name + ".new")

    def make_key(self, run: Run) -> None:
        """A new key as a draft: services may start at any time, and need a key that fits the certificate."""
        self.key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.draft.unlink(missing_ok=True)
        os.close(os.open(self.draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _openssl(run, ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(self.draft)])

    def request(self, run: Run, key: Path) -> str:
        """A signing request by ``key``; empty where it is not there."""
        if not key.is_file():
            return ""
        return _openssl(run, ["req", "-new", "-key", str(key), "-subj", f"/CN={self.name}"])

    def shown(self) -> str:
        """The certificate that is there."""
        return self.certificate.read_text(encoding="ascii") if self.certificate.is_file() else ""

    def place(self, run: Run, chain: str) -> bool:
        """Move the draft and its certificate into use, one right after the other; tell if there was a draft.

        A draft that the certificate is not of was left by a run that was cut off: it goes.
        """
        if not self.draft.is_file():
            return False
        paper = self.certificate.with_name(self.certificate.name + ".new")
        paper.write_text(chain, encoding="ascii")
        paper.chmod(0o644)
        fits = _openssl(run, ["x509", "-in", str(paper), "-noout", "-pubkey"]) == _openssl(
            run, ["pkey", "-in", str(self.draft), "-pubout"]
        )
        if not fits:
            paper.unlink()
            self.draft.unlink()
            return False
        self.draft.replace(self.key)
        paper.replace(self.certificate)
        return True

    def stale(self, run: Run, units: Sequence[str], credentials: Path = CREDENTIALS) -> list[str]:
        """Running units that were started with another key. It is compared by cmp, so that nothing here reads it."""
        held = sorted(path for unit in units for path in credentials.glob(f"{unit}/{self.key.name}"))
        return [path.parent.name for path in held if run([CMP, "--silent", str(path), str(self.key)])[0] != 0]


def _openssl(run: Run, words: list[str]) -> str:
    code, output, errors = run([OPENSSL, *words])
    if code != 0:
        raise Refusal(
            f"TLS_KEY {words[0]}: found {(errors.strip().splitlines() or ['no word'])[-1]}, expected a key on "
            "P-256; remove the key that is there and converge: a new one is made and certified. Nothing was changed"
        )
    return output


def asked(identity: Identity, run: Run, *, new_key: bool, looks_only: bool) -> dict[str, object]:
    """A request by the key in use, or by a draft where there will be another."""
    due = new_key or not identity.key.is_file()
    if due and not looks_only:
        identity.make_key(run)
    # What an earlier run drafted is made anew: a look must not speak of it.
    request = "" if due and looks_only else identity.request(run, identity.draft if due else identity.key)
    return {"changed": due, "request": request, "certificate": "" if due else identity.shown()}


def placed(identity: Identity, run: Run, chain: str, units: Sequence[str]) -> dict[str, object]:
    """The draft in use, and which units have to be restarted for it."""
    changed = identity.place(run, chain)
    return {"changed": changed, "restart": list(units) if changed else identity.stale(run, units)}


def main() -> None:
    """Run as Ansible runs it."""
    module = AnsibleModule(
        argument_spec={
            # The path of a key is no secret, and the module never returns the key.
            "key_file": {"type": "path", "required": True, "no_log": False},
            "certificate_file": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "new_key": {"type": "bool", "default": False, "no_log": False},
            "state": {"type": "str", "default": "asked", "choices": ["asked", "placed"]},
            "chain": {"type": "str", "default": ""},
            "units": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    given, run = module.params, module.run_command
    identity = Identity(Path(given["key_file"]), Path(given["certificate_file"]), given["name"])
    try:
        if given["state"] == "asked":
            told = asked(identity, run, new_key=given["new_key"], looks_only=module.check_mode)
        elif module.check_mode:
            told = {"changed": identity.draft.is_file(), "restart": []}
        else:
            told = placed(identity, run, given["chain"], given["units"])
    except (Refusal, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(clock=int(time.time()), **told)


if __name__ == "__main__":
    main()
