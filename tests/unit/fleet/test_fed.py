"""Document and secrets come in by standard input; the secrets go on in a file without a name, and nowhere else."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import RefusedError
from freehold.fleet import document as documents
from freehold.fleet import fed
from freehold.paths import PROJECT

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


@pytest.mark.parametrize("given", [SECRETS, {}, None])
def test_ansible_gets_them_as_they_are_and_nothing_of_them_is_seen_from_outside(
    given: fed.Credentials | None, tmp_path: Path
) -> None:
    play = tmp_path / "play.yml"
    (tmp_path / "lookup_plugins").symlink_to(PROJECT / "playbooks/lookup_plugins")
    seen = "{{ {'given': lookup('freehold_credentials')} | to_json }}"
    task = {"ansible.builtin.copy": {"content": seen, "dest": str(tmp_path / "seen"), "mode": "0600"}}
    play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [{**task, "no_log": True}]}]))
    words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local", str(play)]
    words += ["-e", f"ansible_python_interpreter={sys.executable}"]
    with fed.handed_on(given) as (variables, descriptors):
        assert all(value.isdigit() for value in variables.values())
        env = {**os.environ, **variables}
        done = subprocess.run(
            words, env=env, pass_fds=descriptors, cwd=tmp_path, capture_output=True, text=True, check=True
        )
    assert json.loads((tmp_path / "seen").read_text())["given"] == given
    assert not [secret for secret in SECRETS.values() if secret in done.stdout + done.stderr]
    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
