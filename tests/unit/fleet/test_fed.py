"""Document and secrets come in by standard input."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from freehold.errors import RefusedError
from freehold.fleet import document as documents
from freehold.fleet import fed

SECRETS = {"provider": 'x"y\\z{{ 1/0 }}', "mail": "é😀 {% if %}\nline 2: #x"}


def text(document: dict[str, Any]) -> str:
    return json.dumps(document)


def test_an_envelope_is_opened_and_a_bare_document_says_nothing_of_secrets(document: dict[str, Any]) -> None:
    both = fed.read(io.StringIO(fed.envelope(text(document), SECRETS)), documents.CONVERGE)
    assert both == (document, SECRETS)
    assert fed.read(io.StringIO(fed.envelope(text(document), {})), documents.CONVERGE) == (document, {})
    assert fed.read(io.StringIO(text(document)), documents.CONVERGE) == (document, None)


def test_the_documents_own_faults_are_told_as_ever() -> None:
    for given in ("{", "[]", fed.envelope("{}", SECRETS)):
        with pytest.raises(RefusedError, match="DOCUMENT_REFUSED") as refusal:
            fed.read(io.StringIO(given), documents.CONVERGE)
        assert SECRETS["provider"] not in str(refusal.value)
