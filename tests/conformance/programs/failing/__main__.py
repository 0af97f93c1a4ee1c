"""Everything that must fail, each with what must not run because of it."""

import json
import os
from typing import Any

import pulumi
from pulumi_command import local, remote

S = json.loads(os.environ["CONFORMANCE"])


def connect(**changes: Any) -> remote.ConnectionArgs:
    """The connection that works, but for ``changes``."""
    right = {name: S[name] for name in ("port", "user", "private_key", "host_key")}
    return remote.ConnectionArgs(**{"host": "127.0.0.1", "dial_error_limit": 1, **right, **changes})


def run_after(resource: pulumi.Resource, name: str) -> None:
    """A command that leaves a mark when it runs."""
    local.Command(
        f"{name}-dependant",
        create=f"touch {S['folder']}/{name}-dependant",
        opts=pulumi.ResourceOptions(depends_on=[resource]),
    )


fails = "echo on the way; echo the reason >&2; exit 3"
run_after(local.Command("failing", create=fails, logging=local.Logging.NONE), "failing")
run_after(remote.Command("r-failing", connection=connect(), create=fails, logging=remote.Logging.NONE), "r-failing")
local.Command("bystander", create=f"touch {S['folder']}/bystander")

local.Command("no-folder", create="true", dir="/nonexistent/folder")
local.Command("no-interpreter", create="true", interpreter=["/nonexistent/interpreter"])
local.Command("too-slow", create="sleep 60", opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts("1s")))
local.Command(
    "secret-in-error",
    create='echo "refused $K" >&2; exit 1',
    environment={"K": pulumi.Output.secret(S["secret"])},
)


def unreachable(name: str, command: str = "true", **changes: Any) -> None:
    """A remote command whose connection is changed."""
    marked = f"touch {S['folder']}/{name}; {command}"
    remote.Command(name, connection=connect(**changes), create=marked)


unreachable("wrong-host-key", host_key=S["other_host_key"])
unreachable("no-host-key-at-all", host_key="ssh-ed25519 not-a-key")
unreachable("nobody-listens", port=S["closed_port"])
unreachable("no-answer", port=S["silent_port"], per_dial_timeout=1, dial_error_limit=0)
unreachable("wrong-key", private_key=S["other_private_key"])
unreachable("broken-key", private_key="not a key")


def way(**changes: Any) -> remote.ProxyConnectionArgs:
    """The way through the bastion that works, but for ``changes``."""
    right = {"port": S["bastion_port"], "host_key": S["bastion_host_key"], "private_key": S["bastion_key"]}
    return remote.ProxyConnectionArgs(
        **{"host": "127.0.0.1", "user": S["user"], "dial_error_limit": 1, **right, **changes}
    )


unreachable("proxy-wrong-host-key", proxy=way(host_key=S["host_key"]))
unreachable("proxy-wrong-key", proxy=way(private_key=S["private_key"]))
unreachable("proxy-wrong-password", proxy=way(private_key=None, password="guessed"))
unreachable("proxy-nobody-listens", proxy=way(port=S["closed_port"]))
unreachable("proxy-goes-no-further", proxy=way(), port=S["bastion_port"])
unreachable("wrong-host-key-behind-proxy", proxy=way(), host_key=S["bastion_host_key"])
unreachable("agent-without-the-key", private_key=None, agent_socket_path=S["empty_agent"])
unreachable("no-agent", private_key=None, agent_socket_path="/nonexistent/agent")
unreachable("nothing-to-show", private_key=None)
unreachable("wrong-passphrase", private_key=S["encrypted_key"], private_key_password="guessed")
unreachable("no-passphrase", private_key=S["encrypted_key"])
remote.CopyFile("copy-no-file", connection=connect(), local_path=S["folder"], remote_path=f"{S['folder']}/copied")
remote.CopyFile("copy-no-folder", connection=connect(), local_path=S["a_file"], remote_path="/nonexistent/folder/x")
local.Command("no-asset", create="ln -s nowhere link", dir=S["files"], asset_paths=["link"])
remote.Command("environment-refused", connection=connect(), create="true", environment={"NOT_ACCEPTED": "1"})
remote.CopyToRemote(
    "copy-onto-file",
    connection=connect(),
    source=pulumi.FileArchive(S["folder"]),
    remote_path=S["a_file"],
)
