from __future__ import annotations

from typing import Any

import pytest

from freehold.pulumi_command import check, wire

HOST = {"host": "10.83.0.11"}
FILE = {wire.SIGNATURE: wire.ASSET, "hash": "1", "path": "a/file"}


def paths(kind: str, inputs: dict[str, Any]) -> list[str]:
    return [path for path, _ in check.check(kind, inputs)[1]]


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        (check.LOCAL, {"create": "true", "environment": {"A": "1"}, "interpreter": ["sh"], "logging": "none"}),
        (check.LOCAL, {"environment": wire.as_secret({"A": "1"}), "stdin": wire.as_secret("x")}),
        (check.LOCAL, {"environment": {"A": wire.UNKNOWN}, "create": wire.UNKNOWN}),
        (check.LOCAL, {"assetPaths": None}),
        (check.REMOTE, {"connection": HOST, "create": "true"}),
        (check.REMOTE, {"connection": wire.UNKNOWN}),
        (check.COPY, {"connection": HOST, "source": FILE, "remotePath": "/x"}),
        (check.COPY, {"connection": HOST, "source": {wire.SIGNATURE: wire.ASSET, "text": ""}, "remotePath": "/x"}),
        (check.COPY, {"connection": HOST, "source": wire.UNKNOWN, "remotePath": wire.UNKNOWN}),
    ],
)
def test_right_inputs_pass(kind: str, inputs: dict[str, Any]) -> None:
    assert paths(kind, inputs) == []


@pytest.mark.parametrize(
    ("kind", "inputs", "wrong"),
    [
        (check.LOCAL, {"create": 1.0}, "create"),
        (check.LOCAL, {"environment": {"A": 1.0}}, "environment"),
        (check.LOCAL, {"interpreter": "sh"}, "interpreter"),
        (check.LOCAL, {"logging": "loud"}, "logging"),
        (check.LOCAL, {"addPreviousOutputInEnv": "no"}, "addPreviousOutputInEnv"),
        (check.LOCAL, {"triggers": "1"}, "triggers"),
        (check.REMOTE, {"connection": "10.83.0.11"}, "connection"),
        (check.REMOTE, {}, "connection.host"),
        (check.REMOTE, {"connection": {"user": "root"}}, "connection.host"),
        (check.COPY, {"connection": HOST, "source": FILE}, "remotePath"),
        (check.COPY, {"connection": HOST, "remotePath": "/x"}, "source"),
        (check.COPY, {"connection": HOST, "remotePath": "/x", "source": "a/file"}, "source"),
    ],
)
def test_wrong_inputs_are_named(kind: str, inputs: dict[str, Any], wrong: str) -> None:
    assert paths(kind, inputs) == [wrong]


@pytest.mark.parametrize(
    ("kind", "inputs", "what"),
    [
        (check.LOCAL, {"assetPaths": ["*"]}, "assetPaths"),
        (check.LOCAL, {"archivePaths": ["*"]}, "archivePaths"),
        (check.REMOTE, {"connection": {**HOST, "proxy": HOST}}, "connection.proxy"),
        (check.REMOTE, {"connection": wire.as_secret({**HOST, "proxy": HOST})}, "connection.proxy"),
        (check.REMOTE, {"connection": {**HOST, "agentSocketPath": "/run/a"}}, "connection.agentSocketPath"),
        (
            check.COPY,
            {"connection": HOST, "remotePath": "/x", "source": {wire.SIGNATURE: wire.ARCHIVE, "assets": {}}},
            "a source that is neither a local path nor a text",
        ),
        ("command:remote:CopyFile", {}, "resource command:remote:CopyFile"),
    ],
)
def test_what_is_not_implemented_says_what_to_do(kind: str, inputs: dict[str, Any], what: str) -> None:
    ((_, reason),) = check.check(kind, inputs)[1]
    assert reason.startswith(f"{what} is not implemented by Freehold's stand-in")
    assert "install the official plugin" in reason


def test_a_connection_gets_the_documented_defaults_and_is_secret() -> None:
    completed, _ = check.check(check.REMOTE, {"connection": {**HOST, "port": 2222.0, "user": None}})
    assert completed["connection"][wire.SIGNATURE] == wire.SECRET
    assert wire.plain(completed["connection"]) == {
        "host": "10.83.0.11",
        "port": 2222.0,
        "user": "root",
        "dialErrorLimit": 10.0,
        "perDialTimeout": 15.0,
    }


def test_the_defaults_are_those_of_the_sdk() -> None:
    """Read from the SDK's own arguments, so that a new SDK with others is noticed."""
    from pulumi_command import remote  # noqa: PLC0415  half a second, for this test only

    given = remote.ConnectionArgs(host="h")
    names = {"user": "user", "port": "port", "dialErrorLimit": "dial_error_limit", "perDialTimeout": "per_dial_timeout"}
    for ours, theirs in names.items():
        assert getattr(given, theirs) == check.CONNECTION_DEFAULTS[ours]


def test_the_version_is_the_sdks() -> None:
    from importlib.metadata import version  # noqa: PLC0415

    from freehold.pulumi_command import VERSION  # noqa: PLC0415

    assert version("pulumi-command") == VERSION
