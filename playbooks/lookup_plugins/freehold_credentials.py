"""Ansible lookup: the owner's secrets, from the descriptor that a converge by Pulumi inherits."""  # noqa: INP001  Ansible finds it here

from __future__ import annotations

import json
import os
from typing import Any

from ansible.errors import AnsibleLookupError  # type: ignore[import-untyped]  # ansible carries no types
from ansible.plugins.lookup import LookupBase  # type: ignore[import-untyped]

DOCUMENTATION = """
name: freehold_credentials
short_description: Secrets that C(pulumi up) hands over
description:
  - Reads a mapping in JSON from the descriptor whose number FREEHOLD_CREDENTIALS holds; the file is in memory only.
  - Without that variable nothing was handed over, and the answer is null.
"""

EXAMPLES = """
- name: One of them
  ansible.builtin.set_fact:
    provider: "{{ lookup('freehold_credentials').provider }}"
  no_log: true
"""

RETURN = """
_raw: {description: Secret by name; or null., type: list}
"""

DESCRIPTOR = "FREEHOLD_CREDENTIALS"


class LookupModule(LookupBase):  # type: ignore[misc]  # the same
    """Reads it from its beginning each time: many workers share the descriptor."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **options: Any) -> list[Any]:  # noqa: ARG002  Ansible's signature
        """The mapping as the only element."""
        number = os.environ.get(DESCRIPTOR)
        if number is None:
            return [None]
        try:
            descriptor = int(number)
            return [json.loads(os.pread(descriptor, os.fstat(descriptor).st_size, 0))]
        except (OSError, ValueError) as error:
            raise AnsibleLookupError(
                f"CREDENTIALS_UNREADABLE {DESCRIPTOR}: found {number}, expected the number of an open descriptor "
                f"({type(error).__name__}); only a converge sets it: unset it"
            ) from error
