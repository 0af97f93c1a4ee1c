"""Secrets are taken out of output; ordinary words stay."""

from __future__ import annotations

import pytest

from freehold.fleet.redact import MARK, Redactor, secret_values, without_secrets


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer XSECRETX-abcdef123456",
        "fatal: cannot reach https://user:XSECRETX@192.0.2.1/apt",
        'password: "XSECRETX99"',
        "api_key=XSECRETX99",
        '"passphrase": "XSECRETX99",',
        "key is sk-XSECRETXabcdefghijklmnop",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(line: str) -> None:
    assert "XSECRETX" not in Redactor()(line)
    assert MARK in Redactor()(line)


@pytest.mark.parametrize(
    "line",
    [
        "TASK [gateway : write the list of client keys] ****",
        "ok: [gpu1] => (item=/etc/freehold/credentials/internal-key)",
        "max_token: 128",
        "changed: [gpu1] => sha256 1111111111111111111111111111111111111111111111111111111111111111",
    ],
)
def test_ordinary_output_stays(line: str) -> None:
    assert Redactor()(line) == line


def test_known_values_are_taken_out_wherever_they_stand() -> None:
    redactor = Redactor(["correct horse battery", "short"])
    assert redactor("x=correct horse batteryx\n") == f"x={MARK}x\n"
    assert redactor("short words stay") == "short words stay"


def test_a_private_key_is_dropped_from_its_first_line_to_its_last() -> None:
    lines = ["before", "-----BEGIN OPENSSH PRIVATE KEY-----", "b3BlbnNza", "-----END OPENSSH PRIVATE KEY-----", "after"]
    redactor = Redactor()
    assert [redactor(line) for line in lines] == ["before", MARK, MARK, MARK, "after"]


def test_a_child_gets_none_of_pulumis_variables() -> None:
    environment = {"PULUMI_CONFIG_PASSPHRASE": "p", "MY_TOKEN": "t" * 10, "HOME": "/root", "X_SECRET_FILE": "/f"}
    assert without_secrets(environment) == {"HOME": "/root"}
    assert secret_values(environment) == ["p", "t" * 10]
