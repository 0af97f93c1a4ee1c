"""One server as Pulumi sees it: what it says about itself, what makes it reachable, what makes it serve.

Three commands in a row. The digest of everything that a converge reads travels in its ``environment``, next to
``update``: a change updates the command in place. It is never in ``triggers``, for a replaced Command runs its
``delete``, and that takes the node down. The state keeps digests and a small recap; documents and keys are secrets.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi_command import local, remote

from freehold.fleet import facts
from freehold.ssh import OPERATIONS_USER

TYPE = "freehold:fleet:InferenceNode"
BOOTSTRAP = Path(__file__).with_name("bootstrap.sh")
CONVERGE = "python -m freehold.fleet.converge --host {name}"

DIAL_SECONDS = 10
DIAL_ATTEMPTS = 3
REMOTE_TIMEOUTS = pulumi.CustomTimeouts(create="15m", update="15m")
CONVERGE_TIMEOUTS = pulumi.CustomTimeouts(create="60m", update="60m", delete="30m")


@dataclass(frozen=True)
class Reach:
    """How the control host gets to the nodes: the operator's key, and where nodes fetch their packages."""

    private_key: str
    public_key: str
    bundle_url: str
    bundle_key: str


@dataclass(frozen=True)
class NodeArgs:
    """``host`` is an entry of the fleet document, ``document`` the whole of it as text, ``environment`` the digests."""

    host: Mapping[str, Any]
    reach: Reach
    document: str
    environment: Mapping[str, str]
    gateway_port: int


class InferenceNode(pulumi.ComponentResource):
    """A server that answers on ``endpoint`` once its converge has ended well."""

    endpoint: str
    facts: pulumi.Output[Any]
    recap: pulumi.Output[Any]

    def __init__(self, name: str, args: NodeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TYPE, name, None, opts)
        connection = _connection(args)
        read = remote.Command(
            f"{name}-facts", **_remote(connection, "sh -s", facts.script()), opts=self._remote_options()
        )
        prepared = remote.Command(
            f"{name}-bootstrap",
            **_remote(connection, _as_root(args.host["user"]), bootstrap_script(args.reach)),
            opts=self._remote_options(read),
        )
        converged = self._converge(name, args, prepared)
        self.endpoint = endpoint(args.host, args.gateway_port)
        self.facts = _parsed(read.stdout)
        self.recap = _parsed(converged.stdout)
        self.register_outputs({"endpoint": self.endpoint, "facts": self.facts, "recap": self.recap})

    def _remote_options(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self,
            depends_on=list(after),
            custom_timeouts=REMOTE_TIMEOUTS,
            additional_secret_outputs=["connection", "stdin"],
        )

    def _converge(self, name: str, args: NodeArgs, after: pulumi.Resource) -> local.Command:
        words = CONVERGE.format(name=shlex.quote(name))
        return local.Command(
            f"{name}-converge",
            create=words,
            update=words,
            delete=f"{words} --remove",
            environment=dict(args.environment),
            stdin=pulumi.Output.secret(args.document),
            add_previous_output_in_env=False,
            logging=local.Logging.NONE,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[after],
                custom_timeouts=CONVERGE_TIMEOUTS,
                additional_secret_outputs=["stdin"],
            ),
        )


def endpoint(host: Mapping[str, Any], port: int) -> str:
    """The base address that an OpenAI client is given."""
    address = host["serve_address"]
    return f"http://{f'[{address}]' if ':' in address else address}:{port}/v1"


def bootstrap_script(reach: Reach) -> str:
    """The script behind the values that it needs, each quoted for the shell."""
    values = {
        "OPS_USER": OPERATIONS_USER,
        "OPS_KEY": reach.public_key,
        "BUNDLE_URL": reach.bundle_url,
        "BUNDLE_KEY": reach.bundle_key.strip(),
    }
    header = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    return header + BOOTSTRAP.read_text(encoding="utf-8")


def _connection(args: NodeArgs) -> remote.ConnectionArgs:
    return remote.ConnectionArgs(
        host=args.host["address"],
        port=args.host["port"],
        user=args.host["user"],
        host_key=args.host["host_key"],
        private_key=pulumi.Output.secret(args.reach.private_key),
        per_dial_timeout=DIAL_SECONDS,
        dial_error_limit=DIAL_ATTEMPTS,
    )


def _remote(connection: remote.ConnectionArgs, words: str, script: str) -> dict[str, Any]:
    """A script by standard input: no quoting, no length limit, and no line of it in a process list."""
    return {
        "connection": connection,
        "create": words,
        "update": words,
        "stdin": script,
        "add_previous_output_in_env": False,
        "logging": remote.Logging.NONE,
    }


def _as_root(user: str) -> str:
    return "sh -s" if user == "root" else "sudo -n sh -s"


def _parsed(stdout: pulumi.Output[str]) -> pulumi.Output[Any]:
    """The JSON that a command printed. It holds no secret, although a secret went in."""
    return pulumi.Output.unsecret(stdout).apply(lambda text: json.loads(text) if text else {})
