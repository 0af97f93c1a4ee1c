"""Every way to a host: through a bastion, with an agent, with an encrypted key; and the copy of one file."""

import json
import os
from typing import Any

import pulumi
from pulumi_command import remote

S = json.loads(os.environ["CONFORMANCE"])


def connect(**changes: Any) -> remote.ConnectionArgs:
    """The connection to the test's sshd."""
    right = {name: S[name] for name in ("port", "user", "private_key", "host_key")}
    return remote.ConnectionArgs(**{"host": "127.0.0.1", **right, **changes})


def way(**changes: Any) -> remote.ProxyConnectionArgs:
    """The bastion."""
    right = {"port": S["bastion_port"], "host_key": S["bastion_host_key"], "private_key": S["bastion_key"]}
    return remote.ProxyConnectionArgs(**{"host": "127.0.0.1", "user": S["user"], **right, **changes})


def reach(name: str, **changes: Any) -> None:
    """A command over a connection that is changed."""
    remote.Command(name, connection=connect(**changes), create=f"echo {name}")


reach("proxied", proxy=way())
reach("proxied-agent", proxy=way(private_key=None, agent_socket_path=S["agent"]))
reach("proxied-late", proxy=way(port=S["late_port"], dial_error_limit=5))
if S["bastion_password"]:
    reach("proxied-password", proxy=way(private_key=None, password=S["bastion_password"]))
reach("agent", private_key=None, agent_socket_path=S["agent"])
reach("agent-of-the-shell", private_key=None)
reach("passphrase", private_key=S["encrypted_key"], private_key_password=S["secret"])
remote.CopyToRemote(
    "proxied-copy",
    connection=connect(proxy=way()),
    source=pulumi.StringAsset("through the bastion"),
    remote_path=f"{S['folder']}/through",
)
for name, triggers in {"file": None, "file-triggered": [S["trigger"]]}.items():
    remote.CopyFile(
        name,
        connection=connect(),
        local_path=S["source"],
        remote_path=f"{S['folder']}/{name}{S['suffix']}",
        triggers=triggers,
    )
