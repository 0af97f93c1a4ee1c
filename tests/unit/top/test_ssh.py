"""One set of SSH options for all who reach a node: what is trusted stands in it, and nothing of the user's does."""

from pathlib import Path

from freehold import ssh

HOST = {"address": "192.0.2.7", "port": 2222, "host_key": "ssh-ed25519 AAAA a comment"}


def test_only_the_pinned_keys_and_the_named_key_count() -> None:
    said = " ".join(ssh.command(HOST, Path("/k"), Path("/known"), connect_seconds=3))
    assert said.startswith("ssh -F none -o IdentityFile=/k ")
    for option in ("UserKnownHostsFile=/known", "GlobalKnownHostsFile=/dev/null", "StrictHostKeyChecking=yes"):
        assert f"-o {option} " in said
    assert "-o IdentitiesOnly=yes" in said
    assert said.endswith("-p 2222 freehold-ops@192.0.2.7")


def test_a_program_is_asked_nothing_and_waits_for_nobody() -> None:
    said = " ".join(ssh.command(HOST, Path("/k"), Path("/known"), connect_seconds=3))
    assert "BatchMode=yes" in said
    assert "ConnectTimeout=3" in said
    assert "ServerAliveInterval=5" in said


def test_another_port_is_another_name_among_the_known_hosts() -> None:
    assert ssh.known_hosts_text([HOST]) == "[192.0.2.7]:2222 ssh-ed25519 AAAA\n"
