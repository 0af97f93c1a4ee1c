"""Checks of the models: their weights, their files' format, the GPUs that they use, what they may be told."""

from __future__ import annotations

import difflib

from freehold.errors import FreeholdError
from freehold.fleet.keypath import KeyPath, refused, remove_command, set_command, written
from freehold.fleet.raw import Data, Found, is_number, items, mapping

# What the roles decide; a second opinion from the configuration would open the loopback or load foreign code.
RESERVED_ARGUMENTS = frozenset(
    {"api-key", "api-key-file", "host", "model", "port", "served-model-name", "trust-remote-code", "uds"}
)
FORMAT_OF_ENGINE = {"llama_cpp": "gguf", "vllm": "safetensors"}
DEFAULT_GPUS = 8


def judge(data: Data, bundle: Data | None) -> Found:
    """Everything that is wrong with the models."""
    yield from known_models(data, bundle)
    yield from model_fits(data, bundle)
    yield from gpu_use(data)
    yield from arguments(data)
    yield from one_sidecar(data, bundle)


def known_models(data: Data, bundle: Data | None) -> Found:
    """A model can be served only if its weights are in the bundle."""
    if bundle is None:
        return
    known = sorted(mapping(bundle.get("models")))
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
        weights = mapping(mapping(mapping(bundle).get("models")).get(str(model.get("name"))))
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
        if is_number(context) and context > weights["context"]:
            yield _mismatch("CONFIG_CONTEXT_TOO_LONG", (*path, "context"), context, weights["context"])


def gpu_use(data: Data) -> Found:
    """Models may use only GPUs that every host has, and share one only within what each says it takes."""
    fewest = min((h["gpus"] for _, h in items(data, "hosts") if is_number(h.get("gpus"))), default=DEFAULT_GPUS)
    users: dict[int, list[tuple[int, float | None]]] = {}
    for index, model in items(data, "models"):
        indices = _gpus(model)
        parallel = model.get("tensor_parallel", 0)
        if is_number(parallel) and parallel and parallel != len(indices):
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
    known = mapping(mapping(bundle).get("models"))
    on_cpu = [
        (index, str(model.get("name"))) for index, model in items(data, "models") if model.get("engine") == "llama_cpp"
    ]
    for index, name in [one for one in on_cpu if mapping(known.get(one[1])).get("kind") == "embedding"][1:]:
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
        for name in mapping(model.get("extra_arguments")):
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


def _gpus(model: Data) -> list[int]:
    listed = model.get("gpus")
    return [gpu for gpu in listed if is_number(gpu)] if isinstance(listed, list) else []


def _share(model: Data) -> float | None:
    for name, value in mapping(model.get("extra_arguments")).items():
        if _argument(name) == "gpu-memory-utilization" and isinstance(value, int | float):
            return float(value)
    return None


def _argument(name: object) -> str:
    return str(name).strip("-").replace("_", "-")


def _mismatch(code: str, path: KeyPath, found: object, expected: object) -> FreeholdError:
    return refused(
        code, path, str(found), expected=f"{expected}, as its weights and GPUs say", fix=set_command(path, expected)
    )
