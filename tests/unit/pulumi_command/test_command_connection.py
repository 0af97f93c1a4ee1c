from __future__ import annotations

import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from freehold.pulumi_command import connection, hostkey, login
from freehold.pulumi_command.connection import dial, open_connection
from freehold.pulumi_command.hostkey import HostKeyError
from freehold.pulumi_command.target import Target
from freehold.pulumi_command.work import Cancellation, CommandError

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFL3Tz1e3xPjuVVG4IdZJsVLFwJqlyQeAYCQ9Ee5VtHR gpu1"
TARGET = Target("127.0.0.1", "root", 22, dial_error_limit=2, per_dial_timeout=0.2, host_key=HOST_KEY)


class Opened:
    """A connection that says whose it is, and whether it was closed."""

    def __init__(self, host: str) -> None:
        self.host, self.closed = host, False

    def close(self) -> None:
        self.closed = True


class Dialler:
    """Fails ``failures`` times with ``error``, then connects; remembers from where each target was tried."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.left, self.calls = failures, 0
        self.error = error or ConnectionRefusedError(111, "Connection refused")
        self.opened: list[Opened] = []

    def __call__(self, target: Target, _proxy: object = None) -> Opened:
        self.calls += 1
        if self.calls <= self.left:
            raise self.error
        self.opened.append(Opened(target.host))
        return self.opened[-1]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_PAUSE_SECONDS", 0.0)


def test_a_target_is_read_from_checked_inputs_and_keeps_its_secrets_to_itself() -> None:
    target = Target.of(
        {"host": "h", "user": "u", "port": 22.0, "dialErrorLimit": 10.0, "perDialTimeout": 15.0, "password": "pw123"},
        {},
    )
    assert (target.port, target.dial_error_limit, target.per_dial_timeout, target.password) == (22, 10, 15.0, "pw123")
    assert "pw123" not in repr(target)


GIVEN = {"host": "h", "user": "u", "port": 22.0, "dialErrorLimit": 10.0, "perDialTimeout": 15.0}


@pytest.mark.parametrize(
    ("given", "socket"),
    [
        ({}, "/run/shell"),
        ({"agentSocketPath": "/run/own"}, "/run/own"),
        ({"agentSocketPath": "/run/own", "password": "p"}, "/run/own"),
        ({"password": "p"}, ""),
        ({"privateKey": "k"}, ""),
    ],
)
def test_the_agent_of_the_shell_is_asked_only_where_the_connection_brings_nothing(
    given: dict[str, str], socket: str
) -> None:
    assert Target.of({**GIVEN, **given}, {"SSH_AUTH_SOCK": "/run/shell"}).agent_socket == socket
    assert Target.of({**GIVEN, "password": "p", "proxy": {**GIVEN, **given}}, {}).agent_socket == ""


def test_an_agent_that_does_not_answer_is_named_and_not_tried_again(tmp_path: Path) -> None:
    lines: list[str] = []
    target = replace(TARGET, agent_socket=str(tmp_path / "none"))
    with pytest.raises(CommandError, match=f"the SSH agent at {tmp_path}/none does not answer .*: start it"):
        dial(target, lines.append, Cancellation())
    assert lines == []


PROXIED = replace(TARGET, host="inner", proxy=replace(TARGET, host="outer", dial_error_limit=0))


def test_a_proxy_is_reached_first_and_has_a_limit_of_its_own() -> None:
    dialler = Dialler(0)
    line = dial(PROXIED, lambda _line: None, Cancellation(), connect=dialler)
    assert [opened.host for opened in dialler.opened] == ["outer", "inner"]
    line.close()
    assert all(opened.closed for opened in dialler.opened)
    with pytest.raises(CommandError, match=r"no connection after 1 attempts \(dial proxy\): root@outer:22"):
        dial(PROXIED, lambda _line: None, Cancellation(), connect=Dialler(1))


def test_a_host_that_the_proxy_does_not_reach_leaves_no_connection_to_the_proxy() -> None:
    outer = Opened("outer")

    def connect(_target: Target, proxy: object) -> Opened:
        if proxy is None:
            return outer
        raise paramiko.ChannelException(2, "Connect failed")

    with pytest.raises(CommandError, match=r"\(dial from proxy\): .*the proxy does not reach it: Connect failed"):
        dial(PROXIED, lambda _line: None, Cancellation(), connect=connect)
    assert outer.closed


def test_errors_up_to_the_limit_are_forgiven_and_told() -> None:
    lines: list[str] = []
    dialler = Dialler(2)
    assert dial(TARGET, lines.append, Cancellation(), connect=dialler).host is dialler.opened[0]
    assert [line.partition(" failed")[0] for line in lines] == ["Dial 1/2", "Dial 2/2"]


def test_one_error_more_than_the_limit_ends_it() -> None:
    dialler = Dialler(3)
    with pytest.raises(CommandError, match=r"no connection after 3 attempts: root@127\.0\.0\.1:22: .*refused"):
        dial(TARGET, lambda _line: None, Cancellation(), connect=dialler)
    assert dialler.calls == 3


def test_minus_one_has_no_limit() -> None:
    dialler = Dialler(20)
    dial(replace(TARGET, dial_error_limit=-1), lambda _line: None, Cancellation(), connect=dialler)
    assert dialler.calls == 21


def test_a_wrong_host_key_is_not_tried_again() -> None:
    dialler = Dialler(9, HostKeyError("another machine"))
    with pytest.raises(HostKeyError):
        dial(TARGET, lambda _line: None, Cancellation(), connect=dialler)
    assert dialler.calls == 1


def test_a_cancel_ends_the_attempts() -> None:
    cancellation = Cancellation()
    dialler = Dialler(9)
    with pytest.raises(CommandError, match="cancelled"):
        dial(TARGET, lambda _line: cancellation.cancel(), cancellation, connect=dialler)
    assert dialler.calls == 1


def test_a_refused_login_is_told_in_words() -> None:
    dialler = Dialler(9, paramiko.AuthenticationException("Authentication failed."))
    with pytest.raises(CommandError, match="does not accept this key or password"):
        dial(TARGET, lambda _line: None, Cancellation(), connect=dialler)


def test_pauses_grow_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_PAUSE_SECONDS", 0.1)
    pauses = connection._pauses()
    assert [round(next(pauses), 3) for _ in range(3)] == [0.1, 0.15, 0.225]
    assert [next(pauses) for _ in range(20)][-1] == connection.LONGEST_PAUSE_SECONDS


def test_a_host_that_accepts_and_stays_silent_is_given_up_after_the_dial_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = replace(TARGET, port=listener.getsockname()[1])
        with pytest.raises((OSError, EOFError, paramiko.SSHException)):
            open_connection(target)


@pytest.mark.parametrize("text", ["nonsense", "ssh-ed25519", "ssh-ed25519 %%%", "ssh-unheard-of AAAA", "/etc/key.pub"])
def test_a_host_key_that_is_none_says_what_one_looks_like(text: str) -> None:
    with pytest.raises(HostKeyError, match="ssh-ed25519 AAAA"):
        open_connection(replace(TARGET, host_key=text))


def test_a_private_key_that_is_none_says_what_to_pass() -> None:
    with pytest.raises(CommandError, match="the text of the private key file, not its path"):
        open_connection(replace(TARGET, private_key="/root/.ssh/id_ed25519"))


def test_fingerprints_are_those_of_ssh_keygen() -> None:
    key = hostkey.parse(HOST_KEY)
    assert hostkey.fingerprint(key).startswith("ssh-ed25519 SHA256:")


@pytest.mark.parametrize(
    ("kind", "password"), [("ed25519", ""), ("ed25519", "a pass phrase"), ("ecdsa", ""), ("rsa", "")]
)
def test_every_usual_kind_of_private_key_is_read_encrypted_or_not(tmp_path: Path, kind: str, password: str) -> None:
    file = tmp_path / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-b", "2048" if kind == "rsa" else "256", "-N", password, "-f", file],
        check=True,
    )
    target = replace(TARGET, private_key=file.read_text(), private_key_password=password)
    key = login.private_key(target)
    assert key is not None
    assert file.with_suffix(".pub").read_text().split()[1] == key.get_base64()


def test_an_encrypted_key_without_its_password_says_so(tmp_path: Path) -> None:
    file = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "a pass phrase", "-f", file], check=True)
    with pytest.raises(CommandError, match="privateKeyPassword when it is encrypted"):
        open_connection(replace(TARGET, private_key=file.read_text()))
