"""One server as Pulumi sees it: what it says about itself, what makes it reachable, what makes it serve, whom it knows.

Four commands. The digest of everything that a converge reads travels in its ``environment``, next to ``update``: a
change updates the command in place. It is never in ``triggers``, for a replaced Command runs its ``delete``, and that
takes the node down. The state keeps digests and a small recap; documents and keys are secrets.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi_command import local, remote

from freehold.fleet import facts
from freehold.fleet.endpoint import endpoint
from freehold.ssh import OPERATIONS_USER

TYPE = "freehold:fleet:InferenceNode"
BOOTSTRAP = Path(__file__).with_name("bootstrap.sh")
CONVERGE = "python -m freehold.fleet.converge"
INPUTS = ["connection", "create", "update", "delete", "environment", "stdin"]

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
    """``host`` is an entry of the document, ``stdin`` what its converge is fed, ``environment`` the digests.

    A host in maintenance keeps what the state holds of it (``held``, names of resources; ``None`` where that is not
    known), and nothing new is made. ``mesh_word`` changes when its WireGuard key has to be read anew.
    """

    host: Mapping[str, Any]
    reach: Reach
    stdin: str
    environment: Mapping[str, str]
    gateway_port: int
    held: frozenset[str] | None = None
    unknown: bool = False
    """It did not answer the probe: it is told of its peers when it is back."""
    mesh_word: str = ""


@dataclass(frozen=True)
class Fed:
    """What a command of the control host gets: a document on its standard input, digests in its environment."""

    stdin: pulumi.Input[str]
    environment: Mapping[str, pulumi.Input[str]]


class InferenceNode(pulumi.ComponentResource):
    """A server that answers on ``endpoint`` once its converge has ended well.

    It is made in steps, for the fleet has an order: every node is bootstrapped (:meth:`__init__`, which also brings its
    public WireGuard key), then they converge one batch after the other, then each is told of its peers.
    """

    endpoint: str
    facts: pulumi.Output[Any]
    recap: pulumi.Output[Any]
    mesh_key: pulumi.Output[str]

    def __init__(self, name: str, args: NodeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(TYPE, name, None, opts)
        self.name, self.args = name, args
        self.endpoint = endpoint(args.host, args.gateway_port)
        self.facts = self.recap = pulumi.Output.from_input({})
        self.mesh_key = pulumi.Output.from_input("")
        self.converged: local.Command | None = None
        self.introduced: local.Command | None = None
        connection = _connection(args)
        read = self._there("facts", connection, "sh -s", facts.script())
        if read is not None:
            self.facts = _parsed(read.stdout)
        script = bootstrap_script(args.reach, args.mesh_word)
        self.bootstrapped = self._there("bootstrap", connection, _as_root(args.host["user"]), script, read)
        if self.bootstrapped is not None:
            self.mesh_key = _parsed(self.bootstrapped.stdout).apply(lambda said: str(said.get("mesh_key", "")))

    def converge(self, after: Sequence[pulumi.Resource | None]) -> None:
        """Converge it once ``after`` have ended well."""
        words = f"{CONVERGE} --host {shlex.quote(self.name)}"
        self.converged = self._here(
            "converge", words, Fed(self.args.stdin, self.args.environment), after, delete=f"{words} --remove"
        )
        if self.converged is not None:
            self.recap = _parsed(self.converged.stdout)

    def introduce(self, fed: Fed) -> None:
        """Tell it of its peers, whose public keys the document has. Nothing on it restarts."""
        words = f"{CONVERGE} --host {shlex.quote(self.name)} --peers"
        self.introduced = self._here("peers", words, fed, [self.converged])
        self.register_outputs({"endpoint": self.endpoint, "facts": self.facts, "recap": self.recap})

    def _there(
        self, kind: str, connection: remote.ConnectionArgs, words: str, script: str, *after: pulumi.Resource | None
    ) -> remote.Command | None:
        """A script by standard input: no quoting, no length limit, and no line of it in a process list."""
        if not self._exists(kind):
            return None
        return remote.Command(
            f"{self.name}-{kind}",
            connection=connection,
            create=words,
            update=words,
            stdin=script,
            add_previous_output_in_env=False,
            logging=remote.Logging.NONE,
            opts=self._options(REMOTE_TIMEOUTS, after, secret=["connection", "stdin"], kind=kind),
        )

    def _here(
        self,
        kind: str,
        words: str,
        fed: Fed,
        after: Sequence[pulumi.Resource | None],
        delete: str | None = None,
    ) -> local.Command | None:
        if not self._exists(kind):
            return None
        return local.Command(
            f"{self.name}-{kind}",
            create=words,
            update=words,
            delete=delete,
            environment=fed.environment,
            stdin=pulumi.Output.secret(fed.stdin),
            add_previous_output_in_env=False,
            logging=local.Logging.NONE,
            opts=self._options(CONVERGE_TIMEOUTS, [self.bootstrapped, *after], secret=["stdin"], kind=kind),
        )

    def _exists(self, kind: str) -> bool:
        if not self.args.host["maintenance"] or self.args.held is None:
            return True
        return f"{self.name}-{kind}" in self.args.held

    def _options(
        self, limits: pulumi.CustomTimeouts, after: Sequence[pulumi.Resource | None], *, secret: list[str], kind: str
    ) -> pulumi.ResourceOptions:
        """A host in maintenance keeps what it has: whatever changes, its commands do not run."""
        kept = self.args.host["maintenance"] or (self.args.unknown and kind == "peers")
        return pulumi.ResourceOptions(
            parent=self,
            depends_on=[one for one in after if one is not None],
            custom_timeouts=limits,
            additional_secret_outputs=secret,
            ignore_changes=INPUTS if kept else None,
        )


def bootstrap_script(reach: Reach, mesh_word: str = "") -> str:
    """The script behind the values that it needs, each quoted for the shell."""
    values = {
        "OPS_USER": OPERATIONS_USER,
        "OPS_KEY": reach.public_key,
        "BUNDLE_URL": reach.bundle_url,
        "BUNDLE_KEY": reach.bundle_key.strip(),
    }
    if mesh_word:  # the script does not use it: with another one it is another input, and is run again
        values["MESH_KEY_WORD"] = mesh_word
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


def _as_root(user: str) -> str:
    return "sh -s" if user == "root" else "sudo -n sh -s"


def _parsed(stdout: pulumi.Output[str]) -> pulumi.Output[Any]:
    """The JSON that a command printed. It holds no secret, although a secret went in."""
    return pulumi.Output.unsecret(stdout).apply(lambda text: json.loads(text) if text else {})
