"""The Pulumi program run against mocks: each registered resource is kept with its inputs."""

from __future__ import annotations

import asyncio
import json
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pulumi.runtime import config as pulumi_config
from pulumi.runtime import rpc, settings, stack
from pulumi.runtime.mocks import MockMonitor

from freehold.fleet import program, world
from freehold.fleet.checks import World

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "stacks" / "fleet" / "__main__.py"
DATA = ROOT / "tests" / "data" / "fleet"
STACK_PROJECT, STACK = "fleet", "example"  # the stack that inventory/example belongs to
API_KEY, DIGEST_KEY = "XSECRETX" + "k" * 35, "XDIGESTX" + "d" * 35

FACTS = json.dumps({"os_id": "debian", "os_version": "12"})
RECAP = json.dumps({"host": "gpu1", "ok": 40, "changed": 3, "failed": 0})


@dataclass
class Resource:
    """What the program registered. ``secret`` has the top-level inputs that were marked secret."""

    kind: str
    name: str
    inputs: dict[str, Any]
    dependencies: list[str]
    parent: str
    secret: set[str]
    custom: bool
    request: Any


@dataclass
class Run:
    """One run of the program."""

    resources: list[Resource] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    logged: list[tuple[str, str]] = field(default_factory=list)
    visited: list[list[str]] = field(default_factory=list)
    refused: str = ""
    probes: dict[str, Any] = field(default_factory=dict)

    def named(self, name: str) -> Resource:
        return next(resource for resource in self.resources if resource.name == name)

    @property
    def errors(self) -> list[str]:
        return [text for level, text in self.logged if level == "error"]


class Recorder(pulumi.runtime.Mocks):
    """Answers each command as a real one would print."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        bootstrapped = json.dumps(
            {"user": "freehold-ops", "mesh_key": f"key of {args.name.removesuffix('-bootstrap')}"}
        )
        printed = {"-facts": FACTS, "-converge": RECAP, "-bootstrap": bootstrapped}
        stdout = next((text for end, text in printed.items() if args.name.endswith(end)), "")
        return f"{args.name}-id", {**args.inputs, "stdout": stdout, "stderr": ""}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(args.token)


class Monitor(MockMonitor):
    """Pulumi's own mock of the engine, which also keeps what it is asked."""

    def __init__(self, done: Run) -> None:
        super().__init__(Recorder())
        self.done = done

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  the engine's name for it
        self.done.resources.append(_resource(request))
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        if "pulumi:pulumi:Stack" in request.urn:
            self.done.outputs.update(rpc.deserialize_properties(request.outputs))
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def _resource(request: Any) -> Resource:
    inputs = rpc.deserialize_properties(request.object, keep_unknowns=True)
    secret = {key for key, value in inputs.items() if rpc.is_rpc_secret(value)}
    plain = {key: rpc.unwrap_rpc_secret(value) for key, value in inputs.items()}
    dependencies = [urn.rsplit("::", 1)[-1] for urn in request.dependencies]
    parent = request.parent.rsplit("::", 1)[-1]
    return Resource(request.type, request.name, plain, dependencies, parent, secret, request.custom, request)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    private = Ed25519PrivateKey.generate()
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    path = tmp_path / "id_ed25519"
    path.write_bytes(text)
    return path


@pytest.fixture
def config(key_file: Path) -> dict[str, Any]:
    """A valid configuration, keys with their namespace."""
    loaded: dict[str, Any] = yaml.safe_load((DATA / "stack.yaml").read_text(encoding="utf-8"))["config"]
    secrets = {"fleet:api_keys": {"operator": API_KEY}, "fleet:digest_key": DIGEST_KEY}
    return {**loaded, "fleet:access": {"private_key_file": str(key_file)}, **secrets}


@pytest.fixture
def secrets() -> tuple[str, ...]:
    """What may be nowhere in the clear."""
    return API_KEY, DIGEST_KEY


Runner = Callable[..., Run]


@pytest.fixture
def run_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    """Run ``stacks/fleet/__main__.py`` as Pulumi would; what it registered, logged and exported comes back."""
    bundle = json.loads((DATA / "bundle.json").read_text(encoding="utf-8"))
    keys = json.loads((DATA / "keys.json").read_text(encoding="utf-8"))
    judged_by = World(lambda *_: bundle, world.key_fault, {"example", "lab"}, lambda _: keys)
    monkeypatch.setenv("FREEHOLD_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(world, "this_machine", lambda: judged_by)

    def run(
        config: Mapping[str, Any], *, preview: bool = False, visit: Callable[..., Any] | None = None, probes: Any = None
    ) -> Run:
        done = Run(probes=probes or {})
        _prepare(monkeypatch, done, config, visit)
        asyncio.set_event_loop(asyncio.new_event_loop())
        pulumi.runtime.set_mocks(Recorder(), STACK_PROJECT, STACK, preview, monitor=Monitor(done))
        settings.set_root_resource(None)  # type: ignore[arg-type]  # run_in_stack makes its own, as the language host does
        try:
            asyncio.get_event_loop().run_until_complete(stack.run_in_stack(_program))
        except pulumi.RunError as error:
            done.refused = str(error)
        return done

    return run


def _program() -> None:
    runpy.run_path(str(PROGRAM), run_name="__main__")


def _prepare(monkeypatch: pytest.MonkeyPatch, done: Run, config: Mapping[str, Any], visit: Any) -> None:
    given = {key: value if isinstance(value, str) else json.dumps(value, default=str) for key, value in config.items()}
    pulumi_config.set_all_config(given, ["fleet:api_keys", "fleet:digest_key"])

    def visited(document: Any, key: Path, *, hosts: list[str]) -> None:
        done.visited.append(list(hosts))
        if visit:
            visit(document, key, hosts=hosts)

    monkeypatch.setattr(program.begin, "__kwdefaults__", {"visit": visited, "look": lambda *_, **__: done.probes})
    for level in ("info", "warn", "error"):
        monkeypatch.setattr(pulumi.log, level, lambda text, *_, level=level, **__: done.logged.append((level, text)))
