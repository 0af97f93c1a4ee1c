"""What the Pulumi program does before it names a resource: read, check, visit, plan.

:func:`make_plan` takes its world as arguments and knows nothing of Pulumi; :func:`begin` is its border to Pulumi, and
shows errors as messages instead of a traceback.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import yaml

from freehold.drift import probe
from freehold.drift.probe import Probe
from freehold.errors import FreeholdError, FreeholdErrors, RefusedError
from freehold.fleet import digest, fed, held, mesh_key, preflight, reading, record, roll, state_backup, world
from freehold.fleet import document as documents
from freehold.fleet.checks import World
from freehold.fleet.converge import PRIVATE_KEY
from freehold.fleet.settings import Settings
from freehold.paths import PROJECT


@dataclass(frozen=True)
class NodePlan:
    """One host: what its converge is fed, the environment of that, and why it would converge (or nothing).

    ``mesh_word`` changes when its WireGuard key has to be read anew.
    """

    name: str
    host: Mapping[str, Any]
    stdin: str
    environment: Mapping[str, str]
    reasons: tuple[str, ...]
    probe: Probe | None = None
    mesh_word: str = ""

    @property
    def maintenance(self) -> bool:
        """Whether it is left alone."""
        return bool(self.host["maintenance"])

    @property
    def unknown(self) -> bool:
        """Whether it was asked and did not answer."""
        return self.probe is not None and not self.probe.reachable

    @property
    def digests(self) -> dict[str, str]:
        """The digests alone, by the name of their part."""
        return dict(record.of_environment(self.environment, finished=True).digests)


@dataclass(frozen=True)
class Plan:
    """Everything that the resources are made of."""

    settings: Settings
    document: Mapping[str, Any]
    private_key: str
    public_key: str
    bundle_key: str
    nodes: tuple[NodePlan, ...]
    held: frozenset[str] | None = None  # names of the resources in the state, where that can be read

    @property
    def changed(self) -> list[str]:
        """Hosts that would converge."""
        return [node.name for node in self.nodes if node.reasons and not node.maintenance]

    @property
    def batches(self) -> tuple[roll.Batch, ...]:
        """The order of the roll; hosts in maintenance are not in it."""
        rolling = self.settings.rolling
        active = [node.name for node in self.nodes if not node.maintenance]
        return roll.order(active, rolling.canary, rolling.batch_size)


Look = Callable[..., Mapping[str, Probe]]
"""Asks hosts whether they are as their last converge left them: :func:`freehold.drift.probe.run`."""


def make_plan(
    raw: reading.Raw,
    stack: str,
    *,
    judged_by: World,
    look: Look = probe.run,
    project: Path = PROJECT,
    environment: Mapping[str, str] = os.environ,
) -> Plan:
    """The plan of a stack; raises :class:`FreeholdErrors` with everything that is wrong.

    Hosts that converged before are asked whether somebody has changed them since; whoever does not answer is unknown.
    """
    read = reading.read(raw, judged_by)
    refuse_another_inventory(project / "inventory" / read.settings.site, stack)
    document = documents.build(read.settings, read.bundle, read.keys, stack)
    key_file = Path(read.settings.access.private_key_file).expanduser()
    private_key, public_key = world.load_key(key_file)
    state = record.state_folder(read.settings.site, environment)
    before = held.read(stack, environment)
    last = {host["name"]: _last(host["name"], stack, state, before) for host in document["hosts"]}
    asked = [host["name"] for host in document["hosts"] if last[host["name"]].known and not host["maintenance"]]
    probes = look(document, key_file, hosts=asked) if asked else {}
    shared = {**_shared_digests(read.settings, project), PRIVATE_KEY: read.settings.access.private_key_file}
    given = {name: secret.get_secret_value() for name, secret in read.settings.credentials.items()}
    nodes = [_node(documents.view(document, name), given, shared, last[name], probes.get(name)) for name in last]
    told = {name: _told(name, stack, state, before) for name in last}
    return Plan(
        settings=read.settings,
        document=document,
        private_key=private_key,
        public_key=public_key,
        bundle_key=str(read.bundle["public_key"]),
        nodes=tuple(replace(node, mesh_word=told[node.name].next_word(_key(node.probe))) for node in nodes),
        held=None if before is None else frozenset(before.resources),
    )


def refuse_another_inventory(site: Path, stack: str) -> None:
    """Refuse a site that belongs to another stack now, and not when the nodes have been bootstrapped."""
    for file in sorted(site.glob("*.freehold_stack.yml")):
        named = (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("stack", stack)
        if named != stack:
            raise RefusedError(
                "INVENTORY_OF_ANOTHER_STACK",
                str(file.relative_to(site.parents[1])),
                f"stack {named!r}",
                expected=f"stack: {stack}",
                why="its converges would take the document of another stack",
                fix=f"give this stack a site of its own: cp -r {site.parent.name}/{site.name} inventory/{stack}, set "
                f"`stack: {stack}` and the path in its file, and pulumi config set fleet:site {stack}",
            )


@dataclass(frozen=True)
class _Last:
    """The last converge of a host: as Pulumi's state has it, where that can be read, and as this machine remembers."""

    state: record.Record | None
    local: record.Record

    @property
    def known(self) -> bool:
        """Whether there was one."""
        return bool(self.state is not None or self.local.digests)

    @property
    def told(self) -> record.Record:
        """Its digests, and whether it ended well."""
        told = self.state or self.local
        return record.Record(told.generation, self.local.finished, told.digests)


def _last(host: str, stack: str, state: Path, before: held.Held | None) -> _Last:
    return _Last(before.converged(host) if before else None, record.read(record.path_of(state, stack, host)))


def _told(host: str, stack: str, state: Path, before: held.Held | None) -> mesh_key.Told:
    """What the peers were told last: by Pulumi's state, where that can be read, else by this machine's memory."""
    found = mesh_key.of_environment(before.resources.get(f"{host}-peers", {})) if before else mesh_key.Told()
    return found if found.key else mesh_key.read(mesh_key.path_of(state, stack, host))


def _key(found: Probe | None) -> str | None:
    """The WireGuard key that a node has now; of one that was not asked or did not answer nobody knows."""
    return found.mesh_key if found is not None and found.reachable else None


def _shared_digests(settings: Settings, project: Path) -> dict[str, str]:
    secrets = {name: key.get_secret_value() for name, key in settings.api_keys.items()}
    secrets |= {f"credentials.{name}": one.get_secret_value() for name, one in settings.credentials.items()}
    keyed = digest.of_secrets(secrets, settings.digest_key.get_secret_value())
    ansible = importlib.metadata.version("ansible-core")
    own = {"SECRETS": keyed, "ACCESS": digest.of_data(settings.access.model_dump())}
    return digest.environment({**digest.of_project(project, settings.site, ansible), **own})


def _node(
    view: Mapping[str, Any],
    credentials: fed.Credentials,
    shared: Mapping[str, str],
    last: _Last,
    found: Probe | None,
) -> NodePlan:
    (host,) = view["hosts"]
    digests = {**shared, **digest.environment(digest.of_document(view))}
    generation = held.next_generation(last.state, last.local, found)
    reasons = record.reasons(last.told, digests) + _drift(found)
    text = fed.envelope(digest.canonical(view).decode(), credentials)
    return NodePlan(host["name"], host, text, {**digests, record.GENERATION: str(generation)}, tuple(reasons), found)


def _drift(found: Probe | None) -> list[str]:
    if found is None or not found.reachable:
        return []
    if not found.baseline:
        return ["the node has no record of a converge"]
    return [*(["a converge was cut off"] if found.unfinished else []), *(f"drift: {item}" for item in found.items)]


def begin(*, visit: Callable[..., Any] = preflight.run, look: Look = probe.run) -> Plan:
    """Plan from Pulumi's configuration; before a real change its hosts are visited, and the state is copied aside."""
    import pulumi  # noqa: PLC0415  the rest of this module is used without it

    preview = pulumi.runtime.is_dry_run()
    try:
        plan = make_plan(pulumi_configuration(), pulumi.get_stack(), judged_by=world.this_machine(), look=look)
        if plan.changed and not preview:
            visit(plan.document, Path(plan.settings.access.private_key_file).expanduser(), hosts=plan.changed)
    except (FreeholdError, FreeholdErrors) as error:
        _refuse(error)
    if not preview:
        _prepare(plan)
    for level, line in said(plan, preview=preview):
        (pulumi.log.warn if level == "warn" else pulumi.log.info)(line)
    return plan


def _prepare(plan: Plan) -> None:
    """What the converges of this run find: a copy of the state, a new roll, and what is wanted, for runs by hand."""
    import pulumi  # noqa: PLC0415

    if warning := state_backup.begin(pulumi.get_stack()):
        pulumi.log.warn(warning)
    state = record.state_folder(plan.settings.site)
    roll.Ledger.of(state, plan.document["stack"]).begin(plan.settings.rolling.failure_limit)
    folder = state / "export"
    keys = documents.known_keys(plan.document, folder / "fleet.json")
    documents.export(documents.with_peers(plan.document, keys) if keys else plan.document, folder)


def said(plan: Plan, *, preview: bool) -> Iterator[tuple[str, str]]:
    """Level and text of what a person is told: who converges and why, what drifted, who is unknown, in which order."""
    for node in plan.nodes:
        if node.maintenance:
            yield "info", f"{node.name} is in maintenance: nothing visits it"
        elif node.reasons:
            yield "info", f"{node.name} {'would converge' if preview else 'converges'}: {', '.join(node.reasons)}"
        if node.unknown and node.probe and not node.maintenance:
            yield "warn", f"{node.name} is unknown: {node.probe.error}"
    if plan.changed:
        yield "info", roll.described(plan.batches, plan.settings.rolling.failure_limit)


def pulumi_configuration() -> reading.Raw:
    """All configuration that Pulumi hands over, unknown keys included, with the stack file for line numbers."""
    import pulumi  # noqa: PLC0415

    config = {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
    secret = [key for key in config if pulumi.runtime.config.is_config_secret(key)]
    secret += pulumi.runtime.config.get_config_secret_keys_env()
    file = Path(f"Pulumi.{pulumi.get_stack()}.yaml")
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return reading.from_pulumi({key: _text(value) for key, value in config.items()}, secret, file=file.name, text=text)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _refuse(error: FreeholdError | FreeholdErrors) -> NoReturn:
    import pulumi  # noqa: PLC0415

    errors = error.errors if isinstance(error, FreeholdErrors) else (error,)
    for one in errors:
        pulumi.log.error(str(one))
    noun = "error" if len(errors) == 1 else "errors"
    raise pulumi.RunError(f"{len(errors)} {noun}; nothing was changed")
