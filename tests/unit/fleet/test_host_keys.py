"""A pinned host key is understood, or what is wrong with it is said in words."""

from __future__ import annotations

import pytest

from freehold.fleet import host_keys

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
# ssh-keygen -lf says this of KEY.
FINGERPRINT = "SHA256:RXm/ruZ0eTzRXKwi1AQEDynB0VgHQ2ac9KPSFdf/YnA"


@pytest.mark.parametrize("text", [KEY, f"{KEY} root@gpu1", f"  {KEY}  "])
def test_a_key_with_or_without_comment_is_well_formed(text: str) -> None:
    assert host_keys.fault(text) is None
    assert host_keys.bare(text) == KEY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "0 word"),
        ("AAAAC3Nz", "1 word"),
        (f"192.0.2.11 {KEY}", "a line of known_hosts"),
        (KEY.replace("ssh-ed25519", "ssh-dss"), "key type 'ssh-dss'"),
        (KEY.replace("ssh-ed25519", "ssh-rsa"), "labelled 'ssh-rsa'"),
        ("ssh-ed25519 not*base64", "not a key in base64"),
        ("ssh-ed25519 AAAA", "not a key in base64"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "not a key in base64"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    assert said in (host_keys.fault(text) or "")


def test_the_fingerprint_is_that_of_ssh_keygen() -> None:
    assert host_keys.fingerprint(KEY) == FINGERPRINT


def test_a_known_hosts_line_names_an_unusual_port() -> None:
    assert host_keys.known_hosts_line("192.0.2.11", 22, KEY) == f"192.0.2.11 {KEY}\n"
    assert host_keys.known_hosts_line("192.0.2.11", 2222, f"{KEY} comment") == f"[192.0.2.11]:2222 {KEY}\n"
