"""What the Pulumi program does before it names a resource: read, check, visit, plan.

:func:`make_plan` takes its world as arguments and knows nothing of Pulumi; :func:`begin` is its border to Pulumi, and
shows errors as messages instead of a traceback.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from freehold.errors import FreeholdError, FreeholdErrors
from freehold.fleet import digest, preflight, reading, record, state_backup, world
from freehold.fleet import document as documents
from freehold.fleet.checks import World
from freehold.fleet.converge import PRIVATE_KEY
from freehold.fleet.settings import Settings
from freehold.paths import PROJECT


@dataclass(frozen=True)
class NodePlan:
    """One host: its entry of the document, the environment of its converge, and why it would converge (or nothing)."""

    name: str
    host: Mapping[str, Any]
    environment: Mapping[str, str]
    reasons: tuple[str, ...]

    @property
    def digests(self) -> dict[str, str]:
        """The digests alone, by the name of their part."""
        return dict(record.of_environment(self.environment, finished=True).digests)


@dataclass(frozen=True)
class Plan:
    """Everything that the resources are made of."""

    settings: Settings
    document: Mapping[str, Any]
    document_text: str
    private_key: str
    public_key: str
    bundle_key: str
    nodes: tuple[NodePlan, ...]

    @property
    def changed(self) -> list[str]:
        """Hosts that would converge."""
        return [node.name for node in self.nodes if node.reasons]


def make_plan(
    raw: reading.Raw,
    stack: str,
    *,
    judged_by: World,
    project: Path = PROJECT,
    environment: Mapping[str, str] = os.environ,
) -> Plan:
    """The plan of a stack; raises :class:`FreeholdErrors` with everything that is wrong. Dials nobody."""
    read = reading.read(raw, judged_by)
    document = documents.build(read.settings, read.bundle, read.keys, stack)
    key_file = Path(read.settings.access.private_key_file).expanduser()
    private_key, public_key = world.load_key(key_file)
    shared = _shared_digests(read.settings, project)
    state = record.state_folder(read.settings.site, environment)
    return Plan(
        settings=read.settings,
        document=document,
        document_text=digest.canonical(document).decode(),
        private_key=private_key,
        public_key=public_key,
        bundle_key=str(read.bundle["public_key"]),
        nodes=tuple(_node(host, document, shared, str(key_file), state) for host in document["hosts"]),
    )


def _shared_digests(settings: Settings, project: Path) -> dict[str, str]:
    secrets = {name: key.get_secret_value() for name, key in settings.api_keys.items()}
    keyed = digest.of_secrets(secrets, settings.digest_key.get_secret_value())
    ansible = importlib.metadata.version("ansible-core")
    return {**digest.of_project(project, settings.site, ansible), "SECRETS": keyed}


def _node(
    host: Mapping[str, Any], document: Mapping[str, Any], shared: Mapping[str, str], key_file: str, state: Path
) -> NodePlan:
    name = host["name"]
    digests = digest.environment({**shared, **digest.of_document(documents.view(document, name))})
    last = record.read(record.path_of(state, document["stack"], name))
    fixed = {PRIVATE_KEY: key_file, record.GENERATION: str(last.next_generation)}
    return NodePlan(name, host, {**digests, **fixed}, tuple(record.reasons(last, digests)))


def begin(*, visit: Callable[..., Any] = preflight.run) -> Plan:
    """Plan from Pulumi's configuration. Before a real change its hosts are visited; a preview dials nobody."""
    import pulumi  # noqa: PLC0415  the rest of this module is used without it

    try:
        plan = make_plan(pulumi_configuration(), pulumi.get_stack(), judged_by=world.this_machine())
        if plan.changed and not pulumi.runtime.is_dry_run():
            visit(plan.document, Path(plan.settings.access.private_key_file).expanduser(), hosts=plan.changed)
    except (FreeholdError, FreeholdErrors) as error:
        _refuse(error)
    if not pulumi.runtime.is_dry_run() and (warning := state_backup.begin(pulumi.get_stack())):
        pulumi.log.warn(warning)
    for node in plan.nodes:
        if node.reasons:
            verb = "would converge" if pulumi.runtime.is_dry_run() else "converges"
            pulumi.log.info(f"{node.name} {verb}: {', '.join(node.reasons)}")
    return plan


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
