"""``freehold weights fetch|import|list|verify|prune``: on the control host and, with nothing but the wheel, a node."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from freehold.paths import lab_paths
from freehold.steps import UP_TO_DATE, Report, Step, run_steps
from freehold.weights.digests import human_bytes
from freehold.weights.fetch import Fetched, fetch
from freehold.weights.manifest import ModelManifest
from freehold.weights.owned import Origin, import_model
from freehold.weights.store import Store

T = TypeVar("T")

_TOLD = 10**9

NODE_STORE = Path("/var/lib/freehold/weights")

Json = Annotated[bool, typer.Option("--json", help="Print a document instead of text.")]
StoreOption = Annotated[Path, typer.Option("--store", help="The folder of the store.")]
Name = Annotated[str, typer.Argument(help="The model's name.")]

app = typer.Typer(help="Model weights, each file by its digest.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add this part's commands to ``freehold``."""
    parent.add_typer(app, name="weights")


@app.command("fetch")
def fetch_command(
    names: Annotated[list[str], typer.Argument(help="The models' names.")],
    *,
    url: Annotated[str, typer.Option("--url", help="Where the bundle is served.")],
    manifest_sha256: Annotated[str, typer.Option("--manifest-sha256", help="Digest of the bundle's manifest.json.")],
    store: StoreOption = NODE_STORE,
    group: Annotated[str | None, typer.Option("--group", help="Let only root and this group read the store.")] = None,
    as_json: Json = False,
) -> None:
    """Bring models from a bundle into the store; serve each once every byte was checked."""
    fetched = []
    for name in names:

        def work(report: Report, name: str = name) -> Fetched:
            return fetch(name, url=url, manifest_sha256=manifest_sha256, store=Store(store, group), report=report)

        fetched.append(_step(f"Fetch {name}", work, _said))
    changed = any(one.changed for one in fetched)
    if as_json:
        print(json.dumps({"changed": changed, "models": [asdict(one) for one in fetched]}, indent=2))
        return
    for one in fetched:
        _show_fetched(one, as_json=False)


@app.command("import")
def import_command(
    name: Name,
    path: Annotated[Path, typer.Argument(help="A checkpoint: a folder, or one GGUF file.")],
    *,
    kind: Annotated[str, typer.Option(help="chat or embedding.")],
    licence: Annotated[str, typer.Option(help="The weights' licence, as an SPDX name if it has one.")],
    source: Annotated[str, typer.Option(help="Where the weights are from.")],
    context: Annotated[int, typer.Option(help="The longest input in tokens.")],
    store: Annotated[Path | None, typer.Option("--store", help="[default: the store beside the lab's bundle]")] = None,
    as_json: Json = False,
) -> None:
    """Copy weights of your own into the store beside the bundle; the next `freehold bundle build` serves them."""
    target = Store(store or lab_paths().root / "weights")
    origin = Origin(kind, licence, source, context)

    def work(report: Report) -> Fetched:
        return import_model(name, path, origin, store=target, report=report)

    _show_fetched(_step(f"Import {name}", work, _said), as_json=as_json)


@app.command("list")
def list_command(*, store: StoreOption = NODE_STORE, as_json: Json = False) -> None:
    """List the models in the store, without reading their bytes."""
    place = Store(store)
    models = [place.manifest(name) for name in place.names()]
    if as_json:
        print(json.dumps({"models": [model.as_dict() for model in models]}, indent=2))
        return
    table = Table("model", "kind", "format", "licence", "context", "size", "digest")
    for model in models:
        row = (model.name, model.kind, model.format, model.licence, str(model.context))
        table.add_row(*row, human_bytes(model.total_bytes), model.digest[:12])
    Console().print(table)


@app.command("verify")
def verify_command(
    names: Annotated[list[str] | None, typer.Argument(help="The models [default: all].")] = None,
    *,
    digest: Annotated[str | None, typer.Option("--digest", help="The digest that one model must have.")] = None,
    store: StoreOption = NODE_STORE,
    as_json: Json = False,
) -> None:
    """Read every byte of the models again and compare. Writes nothing, needs no more than to read."""
    place = Store(store)
    verified = []
    for name in names or place.names():

        def work(report: Report, name: str = name) -> ModelManifest:
            return place.verify(name, digest=digest, each=_counted(report, place.manifest(name).total_bytes))

        verified.append(_step(f"Verify {name}", work, lambda model: human_bytes(model.total_bytes)))
    if as_json:
        print(json.dumps({"ok": True, "changed": False, "models": {m.name: m.digest for m in verified}}, indent=2))


@app.command("prune")
def prune_command(*, store: StoreOption = NODE_STORE, as_json: Json = False) -> None:
    """Remove states of models that are no longer served, and what was left of broken downloads."""
    place = Store(store)
    with place.lock():
        place.prepare()
        freed = place.prune()
    print(json.dumps({"changed": freed > 0, "freed_bytes": freed}) if as_json else f"{human_bytes(freed)} came free")


def _step(title: str, work: Callable[[Report], T], said: Callable[[T], str]) -> T:
    """Run ``work`` as one step with progress on standard error; standard output is for the result."""
    results: list[T] = []

    def step(report: Report) -> str:
        results.append(work(report))
        return said(results[0])

    run_steps([Step(title, step)], Console(stderr=True))
    return results[0]


def _said(fetched: Fetched) -> str:
    return human_bytes(fetched.downloaded_bytes) if fetched.changed else UP_TO_DATE


def _counted(report: Report, total: int) -> Callable[[int], None]:
    """Tells how far the reading is, once in a gigabyte: a log is not a place for every block."""
    done = 0

    def each(count: int) -> None:
        nonlocal done
        if done // _TOLD != (done + count) // _TOLD:
            report(f"{human_bytes(done + count)} of {human_bytes(total)}")
        done += count

    return each


def _show_fetched(fetched: Fetched, *, as_json: bool) -> None:
    document: dict[str, Any] = asdict(fetched)
    print(json.dumps(document, indent=2) if as_json else f"{fetched.name}: digest {fetched.digest}")
