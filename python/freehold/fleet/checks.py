"""Checks between the fields of a stack configuration, each a pure function of raw data.

They read the raw form and step over what has the wrong type, so that a typo in one host does not hide a wrong model:
the user mends everything in one go.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.errors import FreeholdError
from freehold.fleet import host_keys
from freehold.fleet.keypath import KeyPath, refused, remove_command, set_command, written
from freehold.fleet.ports import RESERVED, model_ports
from freehold.fleet.settings import GATEWAY_PORT

Data = Mapping[str, Any]
Found = Iterator[FreeholdError]

# What the roles decide; a second opinion from the configuration would open the loopback or load foreign code.
RESERVED_ARGUMENTS = frozenset(
    {"api-key", "api-key-file", "host", "model", "port", "served-model-name", "trust-remote-code", "uds"}
)
FORMAT_OF_ENGINE = {"llama_cpp": "gguf", "vllm": "safetensors"}
DEFAULT_GPUS = 8


@dataclass(frozen=True)
class World:
    """What the configuration is checked against, injected. ``None`` stands for "not at hand here, so not judged"."""

    describe_bundle: Callable[[Path, Path], Data] | None = None
    key_fault: Callable[[Path], str | None] | None = None
    sites: Collection[str] | None = None


def judge(data: Data, bundle: Data | None, world: World) -> Found:
    """Everything that is wrong between fields, or between fields and the world."""
    yield from duplicates(data, "hosts", ("name",), "CONFIG_DUPLICATE_NAME")
    yield from duplicates(data, "hosts", ("address", "serve_address"), "CONFIG_DUPLICATE_ADDRESS")
    yield from duplicates(data, "hosts", ("host_key",), "CONFIG_DUPLICATE_HOST_KEY")
    yield from duplicates(data, "models", ("name",), "CONFIG_DUPLICATE_MODEL")
    yield from known_models(data, bundle)
    yield from model_fits(data, bundle)
    yield from port_clashes(data, bundle)
    yield from gpu_use(data)
    yield from arguments(data)
    yield from one_sidecar(data, bundle)
    yield from key_file(data, world)
    yield from site(data, world)
    yield from equal_secrets(data)


def bundle_of(data: Data, world: World) -> tuple[Data | None, list[FreeholdError]]:
    """The description of the configured bundle; ``None`` where the configuration or the world has none."""
    section = _mapping(data.get("bundle"))
    folder, key = section.get("folder"), section.get("key_file")
    if world.describe_bundle is None or not isinstance(folder, str) or not isinstance(key, str):
        return None, []
    try:
        return world.describe_bundle(Path(folder).expanduser(), Path(key).expanduser()), []
    except FreeholdError as error:
        error.details |= {"path": ["bundle", "folder"]}
        return None, [error]


def items(data: Data, key: str) -> Iterator[tuple[int, Data]]:
    """The entries of a list that are mappings, with their index."""
    entries = data.get(key)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield index, entry


def duplicates(data: Data, section: str, fields: tuple[str, ...], code: str) -> Found:
    """Two entries may not share a value; the fields of one entry may (one network for all)."""
    first: dict[str, tuple[int, str]] = {}
    for index, entry in items(data, section):
        for field in fields:
            value = entry.get(field)
            if not isinstance(value, str):
                continue
            owner = first.setdefault(_plain(value), (index, field))
            if owner[0] != index:
                other = written((section, owner[0], owner[1]))
                yield refused(
                    code,
                    (section, index, field),
                    f"{value!r}, as in {other}",
                    expected="a value of its own",
                    fix=set_command((section, index, field), "…"),
                )


def known_models(data: Data, bundle: Data | None) -> Found:
    """A model can be served only if its weights are in the bundle."""
    if bundle is None:
        return
    known = sorted(_mapping(bundle.get("models")))
    for index, model in items(data, "models"):
        name = model.get("name")
        if isinstance(name, str) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            yield refused(
                "CONFIG_UNKNOWN_MODEL",
                ("models", index, "name"),
                repr(name),
                expected="a model of the bundle: " + (", ".join(known) or "it holds none"),
                fix=set_command(("models", index, "name"), (near or known or ["…"])[0]),
                why="its weights are not in the bundle, and nodes fetch from nowhere else",
            )


def model_fits(data: Data, bundle: Data | None) -> Found:
    """Kind, context and file format must be those of the weights."""
    for index, model in items(data, "models"):
        weights = _mapping(_mapping(_mapping(bundle).get("models")).get(str(model.get("name"))))
        if not weights:
            continue
        path: KeyPath = ("models", index)
        if model.get("kind") not in {None, weights["kind"]}:
            yield _mismatch("CONFIG_MODEL_KIND", (*path, "kind"), model["kind"], weights["kind"])
        wanted = FORMAT_OF_ENGINE.get(str(model.get("engine")))
        if wanted not in {None, weights["format"]}:
            fitting = next(engine for engine, form in FORMAT_OF_ENGINE.items() if form == weights["format"])
            yield _mismatch("CONFIG_MODEL_FORMAT", (*path, "engine"), model["engine"], fitting)
        context = model.get("context")
        if _is_number(context) and context > weights["context"]:
            yield _mismatch("CONFIG_CONTEXT_TOO_LONG", (*path, "context"), context, weights["context"])


def port_clashes(data: Data, bundle: Data | None) -> Found:
    """Everything on a node that listens needs a port of its own."""
    taken: dict[int, str] = dict(RESERVED)
    gateway = _mapping(data.get("gateway")).get("port", GATEWAY_PORT)
    listeners: list[tuple[KeyPath, Any]] = [(("gateway", "port"), gateway)]
    kinds = {name: str(weights.get("kind")) for name, weights in _mapping(_mapping(bundle).get("models")).items()}
    models = list(items(data, "models"))
    ports = model_ports([(m.get("port"), m.get("kind") or kinds.get(str(m.get("name")))) for _, m in models])
    listeners += [(("models", index, "port"), port) for (index, _), port in zip(models, ports, strict=True)]
    for path, port in listeners:
        if not _is_number(port):
            continue
        owner = taken.setdefault(port, written(path))
        if owner != written(path):
            yield refused(
                "CONFIG_PORT_CLASH",
                path,
                f"{port}, which {owner} has",
                expected="a free port",
                fix=set_command(path, port + 1),
            )


def gpu_use(data: Data) -> Found:
    """Models may use only GPUs that every host has, and share one only within what each says it takes."""
    fewest = min((h["gpus"] for _, h in items(data, "hosts") if _is_number(h.get("gpus"))), default=DEFAULT_GPUS)
    users: dict[int, list[tuple[int, float | None]]] = {}
    for index, model in items(data, "models"):
        indices = _gpus(model)
        parallel = model.get("tensor_parallel", 0)
        if _is_number(parallel) and parallel and parallel != len(indices):
            yield _mismatch("CONFIG_TENSOR_PARALLEL", ("models", index, "tensor_parallel"), parallel, len(indices))
        path: KeyPath = ("models", index, "gpus")
        if model.get("engine") == "vllm" and not indices:
            fix = set_command((*path, 0), 0)
            yield refused("CONFIG_NO_GPU", path, "none", expected="at least one GPU for vllm", fix=fix)
        for place, gpu in enumerate(indices):
            users.setdefault(gpu, []).append((index, _share(model)))
            if gpu >= fewest:
                fix = remove_command((*path, place))
                yield refused("CONFIG_GPU_INDEX", path, str(gpu), expected=f"0 to {fewest - 1}", fix=fix)
    for gpu, shares in users.items():
        yield from _gpu_shared(gpu, shares)


def one_sidecar(data: Data, bundle: Data | None) -> Found:
    """A node has one embedding sidecar, so one embedding model of the CPU engine."""
    known = _mapping(_mapping(bundle).get("models"))
    on_cpu = [
        (index, str(model.get("name"))) for index, model in items(data, "models") if model.get("engine") == "llama_cpp"
    ]
    for index, name in [one for one in on_cpu if _mapping(known.get(one[1])).get("kind") == "embedding"][1:]:
        path: KeyPath = ("models", index)
        yield refused("CONFIG_ONE_SIDECAR", path, name, expected="one embedding model", fix=remove_command(path))


def _gpu_shared(gpu: int, shares: list[tuple[int, float | None]]) -> Found:
    stated = [share for _, share in shares if share is not None]
    if len(shares) < 2 or (len(stated) == len(shares) and sum(stated) <= 1):  # noqa: PLR2004  one model shares nothing
        return
    last = shares[-1][0]
    yield refused(
        "CONFIG_GPU_SHARED",
        ("models", last, "gpus"),
        f"GPU {gpu}, used by " + " and ".join(written(("models", index)) for index, _ in shares),
        expected="a GPU of its own, or shares (gpu-memory-utilization of each) of 1 at most in all",
        fix=set_command(("models", last, "extra_arguments", "gpu-memory-utilization"), "0.1"),
        why="vLLM takes nine tenths of a GPU unless it is told otherwise",
    )


def arguments(data: Data) -> Found:
    """``extra_arguments`` tune; they do not move the listener, the key or the trust."""
    for index, model in items(data, "models"):
        for name in _mapping(model.get("extra_arguments")):
            if _argument(name) in RESERVED_ARGUMENTS:
                path: KeyPath = ("models", index, "extra_arguments", str(name))
                yield refused(
                    "CONFIG_RESERVED_ARGUMENT",
                    path,
                    repr(name),
                    expected="an argument that tunes",
                    fix=remove_command(path),
                    why="the role sets it: the runtime stays on loopback, behind its key",
                )


def key_file(data: Data, world: World) -> Found:
    """The operator's key must be readable now, not in the middle of a roll."""
    name = _mapping(data.get("access")).get("private_key_file")
    if world.key_fault is None or not isinstance(name, str):
        return
    fault = world.key_fault(Path(name).expanduser())
    if fault:
        path: KeyPath = ("access", "private_key_file")
        expected = "an SSH private key without passphrase that this user can read"
        yield refused(
            "CONFIG_KEY_FILE", path, f"{name}: {fault}", expected=expected, fix=set_command(path, "~/.ssh/id_ed25519")
        )


def site(data: Data, world: World) -> Found:
    """The site names the inventory that the converge uses."""
    name = data.get("site")
    if world.sites is not None and isinstance(name, str) and name not in world.sites:
        yield refused(
            "CONFIG_UNKNOWN_SITE",
            ("site",),
            repr(name),
            expected="a folder of inventory/: " + ", ".join(sorted(world.sites)),
            fix=f"cp -r inventory/example inventory/{name}, and edit it",
        )


def equal_secrets(data: Data) -> Found:
    """Two clients with one key cannot be told apart, counted apart or revoked apart."""
    first: dict[str, str] = {}
    for name, key in _mapping(data.get("api_keys")).items():
        owner = first.setdefault(str(key), name)
        if owner != name:
            path: KeyPath = ("api_keys", name)
            yield refused(
                "CONFIG_SHARED_SECRET",
                path,
                f"the key of {owner!r}",
                expected="a key of its own",
                fix=set_command(path, "", secret=True),
            )


def _gpus(model: Data) -> list[int]:
    listed = model.get("gpus")
    return [gpu for gpu in listed if _is_number(gpu)] if isinstance(listed, list) else []


def _share(model: Data) -> float | None:
    for name, value in _mapping(model.get("extra_arguments")).items():
        if _argument(name) == "gpu-memory-utilization" and isinstance(value, int | float):
            return float(value)
    return None


def _argument(name: object) -> str:
    return str(name).strip("-").replace("_", "-")


def _plain(value: str) -> str:
    """One spelling of a value: an address in its plain form, a key without its comment."""
    return str(ipaddress.ip_address(value)) if host_keys.is_address(value) else host_keys.bare(value)


def _mapping(value: Any) -> Data:
    return value if isinstance(value, Mapping) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _mismatch(code: str, path: KeyPath, found: object, expected: object) -> FreeholdError:
    return refused(
        code, path, str(found), expected=f"{expected}, as its weights and GPUs say", fix=set_command(path, expected)
    )
