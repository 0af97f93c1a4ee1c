from __future__ import annotations

from typing import Any

import pytest

from freehold.pulumi_command import check, schema, wire

HOST = {"host": "10.83.0.11"}
FILE = {wire.SIGNATURE: wire.ASSET, "hash": "1", "path": "a/file"}


def paths(kind: str, inputs: dict[str, Any]) -> list[str]:
    return [path for path, _ in check.check(kind, inputs)[1]]


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        (schema.LOCAL, {"create": "true", "environment": {"A": "1"}, "interpreter": ["sh"], "logging": "none"}),
        (schema.LOCAL, {"environment": wire.as_secret({"A": "1"}), "stdin": wire.as_secret("x")}),
        (schema.LOCAL, {"environment": {"A": wire.UNKNOWN}, "create": wire.UNKNOWN}),
        (schema.LOCAL, {"assetPaths": None, "__defaults": [], "version": "1.2.1"}),
        (schema.LOCAL, {"assetPaths": ["a/**", "!*.{key,pem}"], "archivePaths": wire.UNKNOWN}),
        (schema.LOCAL, {"assetPaths": ["a", wire.UNKNOWN]}),
        (schema.RUN, {"command": ""}),
        (schema.REMOTE, {"connection": wire.as_secret({**HOST, "proxy": HOST, "agentSocketPath": "/run/a"})}),
        (schema.COPY_FILE, {"connection": HOST, "localPath": "a", "remotePath": "/x"}),
        (schema.REMOTE, {"connection": HOST, "create": "true"}),
        (schema.REMOTE, {"connection": wire.UNKNOWN}),
        (schema.COPY, {"connection": HOST, "source": FILE, "remotePath": "/x"}),
        (schema.COPY, {"connection": HOST, "source": {wire.SIGNATURE: wire.ASSET, "text": ""}, "remotePath": "/x"}),
        (schema.COPY, {"connection": HOST, "source": wire.UNKNOWN, "remotePath": wire.UNKNOWN}),
    ],
)
def test_right_inputs_pass(kind: str, inputs: dict[str, Any]) -> None:
    assert paths(kind, inputs) == []


@pytest.mark.parametrize(
    ("kind", "inputs", "wrong"),
    [
        (schema.LOCAL, {"create": 1.0}, "create"),
        (schema.LOCAL, {"environment": {"A": 1.0}}, "environment"),
        (schema.LOCAL, {"interpreter": "sh"}, "interpreter"),
        (schema.LOCAL, {"logging": "loud"}, "logging"),
        (schema.LOCAL, {"addPreviousOutputInEnv": "no"}, "addPreviousOutputInEnv"),
        (schema.LOCAL, {"triggers": "1"}, "triggers"),
        (schema.REMOTE, {"connection": "10.83.0.11"}, "connection"),
        (schema.REMOTE, {}, "connection"),
        (schema.REMOTE, {"connection": {"host": ""}}, "connection.host"),
        (schema.REMOTE, {"connection": {**HOST, "port": "22"}}, "connection.port"),
        (schema.REMOTE, {"connection": {**HOST, "perDialTimeout": 0.5}}, "connection.perDialTimeout"),
        (schema.REMOTE, {"connection": {**HOST, "hostkey": "x"}}, "connection.hostkey"),
        (schema.REMOTE, {"connection": {**HOST, "proxy": {"user": "u"}}}, "connection.proxy.host"),
        (schema.REMOTE, {"connection": {**HOST, "proxy": {**HOST, "proxy": HOST}}}, "connection.proxy.proxy"),
        (schema.REMOTE, {"connection": HOST, "assetPaths": ["*"]}, "assetPaths"),
        (schema.LOCAL, {"create": "true", "shell": "bash"}, "shell"),
        (schema.LOCAL, {"assetPaths": ["[a"]}, "assetPaths"),
        (schema.LOCAL, {"archivePaths": "*"}, "archivePaths"),
        (schema.RUN, {}, "command"),
        (schema.RUN, {"command": "true", "create": "true"}, "create"),
        (schema.COPY_FILE, {"connection": HOST, "remotePath": "/x"}, "localPath"),
        ("command:remote:CopyFolder", {}, ""),
        (schema.REMOTE, {"connection": {"user": "root"}}, "connection.host"),
        (schema.COPY, {"connection": HOST, "source": FILE}, "remotePath"),
        (schema.COPY, {"connection": HOST, "remotePath": "/x"}, "source"),
        (schema.COPY, {"connection": HOST, "remotePath": "/x", "source": "a/file"}, "source"),
        (schema.COPY, {"connection": HOST, "remotePath": "/x", "source": {**FILE, "path": "", "uri": "u"}}, "source"),
        (
            schema.COPY,
            {"connection": HOST, "remotePath": "/x", "source": {wire.SIGNATURE: wire.ARCHIVE, "assets": {}}},
            "source",
        ),
    ],
)
def test_wrong_inputs_are_named(kind: str, inputs: dict[str, Any], wrong: str) -> None:
    assert paths(kind, inputs) == [wrong]


def test_a_connection_gets_the_documented_defaults_and_is_secret() -> None:
    completed, _ = check.check(schema.REMOTE, {"connection": {**HOST, "port": 2222.0, "user": None}})
    assert completed["connection"][wire.SIGNATURE] == wire.SECRET
    assert wire.plain(completed["connection"]) == {
        "host": "10.83.0.11",
        "port": 2222.0,
        "user": "root",
        "dialErrorLimit": 10.0,
        "perDialTimeout": 15.0,
    }


def test_keys_and_passwords_of_the_connection_and_its_proxy_are_marked_once_more_as_the_official_plugin_does() -> None:
    given = {**HOST, "privateKey": "key", "proxy": {**HOST, "password": "word"}}
    connection = check.check(schema.REMOTE, {"connection": given})[0]["connection"]["value"]
    assert connection["privateKey"] == wire.as_secret("key")
    assert connection["proxy"]["password"] == wire.as_secret("word")
    assert (connection["proxy"]["user"], connection["proxy"]["port"]) == ("root", 22.0)


def test_the_defaults_are_those_of_the_sdk() -> None:
    """Read from the SDK's own arguments, so that a new SDK with others is noticed."""
    from pulumi_command import remote  # noqa: PLC0415  half a second, for this test only

    connection, proxy = remote.ConnectionArgs(host="h"), remote.ProxyConnectionArgs(host="h")
    names = {"user": "user", "port": "port", "dialErrorLimit": "dial_error_limit", "perDialTimeout": "per_dial_timeout"}
    for ours, theirs in names.items():
        assert getattr(connection, theirs) == getattr(proxy, theirs) == schema.CONNECTION_DEFAULTS[ours]


def test_the_version_is_the_sdks() -> None:
    from importlib.metadata import version  # noqa: PLC0415

    from freehold.pulumi_command import VERSION  # noqa: PLC0415

    assert version("pulumi-command") == VERSION
