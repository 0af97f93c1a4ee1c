"""What a converge is fed on its standard input: the document, and beside it the secrets that the node is to have.

The secrets come from Pulumi's encrypted configuration. They go on to Ansible in a file that is in memory only and has
no name: neither an argument, nor the environment, nor a disk of this host ever has one.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from freehold.errors import UsageError
from freehold.fleet import document as documents

DOCUMENT = "FREEHOLD_FLEET_DOCUMENT"
HANDED = "FREEHOLD_CREDENTIALS"
"""Holds the number of the descriptor. A run by hand has none, and takes secrets from a file of ansible-vault's."""

Credentials = Mapping[str, str]


def envelope(document: str, credentials: Credentials) -> str:
    """Both as one text; ``document`` is JSON already."""
    return f'{{"credentials":{json.dumps(dict(credentials), sort_keys=True)},"document":{document}}}'


def read(stdin: TextIO, purpose: str) -> tuple[dict[str, Any], Credentials | None]:
    """Document and secrets; ``None`` where nothing was said of any, and the node keeps what it has.

    Without anything on ``stdin`` the document is in the file that FREEHOLD_FLEET_DOCUMENT names.
    """
    text = "" if stdin.isatty() else stdin.read()
    if text.strip():
        document, credentials = _opened(text)
        return documents.parse(document, "standard input", purpose=purpose), credentials
    if name := os.environ.get(DOCUMENT):
        return documents.load(Path(name), {documents.PURPOSE: purpose}), None
    raise UsageError("DOCUMENT_MISSING", "standard input", "nothing", expected=f"a fleet document, or {DOCUMENT}=FILE")


def _opened(text: str) -> tuple[str, Credentials | None]:
    try:
        loaded = json.loads(text)
    except ValueError:
        return text, None  # whoever reads the document says what is wrong with it
    if isinstance(loaded, dict) and set(loaded) == {"credentials", "document"}:
        return json.dumps(loaded["document"]), loaded["credentials"]
    return text, None


@contextlib.contextmanager
def handed_on(credentials: Credentials | None) -> Iterator[tuple[dict[str, str], list[int]]]:
    """The variable that tells Ansible's lookup where to read, and the descriptor that it has to inherit."""
    if credentials is None:
        yield {}, []
        return
    descriptor = os.memfd_create("credentials")
    try:
        with open(descriptor, "w", encoding="utf-8", closefd=False) as stream:
            json.dump(dict(credentials), stream)
        yield {HANDED: str(descriptor)}, [descriptor]
    finally:
        os.close(descriptor)
