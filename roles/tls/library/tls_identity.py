"""Ansible module: the node's own private key, born here, and a signing request for it."""  # noqa: INP001  a role's module

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped]  # ansible carries no types

DOCUMENTATION = r"""
module: tls_identity
short_description: Make the node's key where there is none, and a signing request
description:
  - The key is made by openssl on the node, readable by root only, and never read by this module.
  - The request proves to the control host that the node holds the key; the names in it count nothing.
  - In check mode it only looks. Without a key the request is empty then.
options:
  key_file: {type: path, required: true, description: The key.}
  certificate_file: {type: path, required: true, description: The certificate that is there, if any.}
  name: {type: str, required: true, description: A name for people who look at the request.}
  new_key: {type: bool, default: false, description: Replace the key.}
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
request: {description: PKCS 10 in PEM; empty without a key., returned: success, type: str}
certificate: {description: What certificate_file holds., returned: success, type: str}
replaced: {description: Whether another key was there before., returned: success, type: bool}
clock: {description: The node's clock in seconds since the epoch., returned: success, type: int}
"""

Run = Callable[[list[str]], tuple[int, str, str]]
OPENSSL = "/usr/bin/openssl"


class Refusal(Exception):  # noqa: N818  the module says no
    """openssl said no."""


@dataclass(frozen=True)
class Identity:
    """Where things lie on the node."""

    key: Path
    certificate: Path
    name: str

    def make_key(self, run: Run) -> None:
        """A new key, in one move; whoever opens the file sees the old key or the new one."""
        self.key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.key.with_name(self.key.name + ".new")
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _openssl(run, ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(draft)])
        draft.replace(self.key)

    def request(self, run: Run) -> str:
        """A signing request by the key that is there."""
        if not self.key.is_file():
            return ""
        return _openssl(run, ["req", "-new", "-key", str(self.key), "-subj", f"/CN={self.name}"])

    def shown(self) -> str:
        """The certificate that is there."""
        return self.certificate.read_text(encoding="ascii") if self.certificate.is_file() else ""


def _openssl(run: Run, words: list[str]) -> str:
    code, output, errors = run([OPENSSL, *words])
    if code != 0:
        raise Refusal(
            f"TLS_KEY {words[0]}: found {(errors.strip().splitlines() or ['no word'])[-1]}, expected a key on "
            "P-256; remove the key that is there and converge: a new one is made and certified. Nothing was changed"
        )
    return output


def main() -> None:
    """Run as Ansible runs it."""
    module = AnsibleModule(
        argument_spec={
            # The path of a key is no secret, and the module never returns the key.
            "key_file": {"type": "path", "required": True, "no_log": False},
            "certificate_file": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "new_key": {"type": "bool", "default": False, "no_log": False},
        },
        supports_check_mode=True,
    )
    given = module.params
    identity = Identity(Path(given["key_file"]), Path(given["certificate_file"]), given["name"])
    there = identity.key.is_file()
    due = given["new_key"] or not there
    try:
        if due and not module.check_mode:
            identity.make_key(module.run_command)
        request = identity.request(module.run_command)
    except (Refusal, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=due,
        replaced=due and there,
        request=request,
        certificate=identity.shown(),
        clock=int(time.time()),
    )


if __name__ == "__main__":
    main()
