"""``freehold sovereignty``: what a node finds when it looks at itself, written for Prometheus."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from freehold.sovereignty.result import CheckResult, verdict

File = Annotated[Path, typer.Argument(help="The page, in a folder of the node exporter's textfile collector.")]
Settings = Annotated[Path, typer.Option("--config", help="The checks' JSON settings.")]
STANDARD = Path("/etc/freehold/sovereignty.json")


def register(app: typer.Typer) -> None:
    """Add ``freehold sovereignty``."""
    sovereignty = typer.Typer(no_args_is_help=True, help="The checks that a node makes of itself.")
    sovereignty.command()(node_metrics)
    sovereignty.command()(weights_metrics)
    app.add_typer(sovereignty, name="sovereignty")


def node_metrics(*, file: File, config: Settings = STANDARD) -> None:
    """Make all checks but the weights' digests, read the firewall's counters, and write the page in one move."""
    from freehold.process import run  # noqa: PLC0415
    from freehold.service.textfile import write  # noqa: PLC0415
    from freehold.sovereignty import light, node_settings  # noqa: PLC0415
    from freehold.status.node_facts import read  # noqa: PLC0415

    settings, now = node_settings.read(config), time.time()
    found = light.results(settings, settings.owner(), read, now)
    write(file, light.rendered(found, run, now))
    _say(found)


def weights_metrics(
    *,
    file: File,
    config: Settings = STANDARD,
    all_now: Annotated[bool, typer.Option("--now", help="Look at every model, due or not.")] = False,
) -> None:
    """Read every byte of the models that are due (once a day) and write what was found, in one move."""
    from freehold.sovereignty import node_settings  # noqa: PLC0415
    from freehold.sovereignty.digests import Digests  # noqa: PLC0415
    from freehold.status.node_facts import weights  # noqa: PLC0415

    _say(Digests(file, node_settings.read(config), weights, time.time).run(all_now=all_now))


def _say(found: Iterable[CheckResult]) -> None:
    """For the journal: what is not well, with its reason. A check that fails is no failure of this command."""
    results = list(found)
    shown = {"verdict": str(verdict(results)), "outcomes": {f"{one.id} {one.subject}": one.outcome for one in results}}
    reasons = {f"{one.id} {one.subject}": one.summary for one in results if one.outcome != "ok"}
    print(json.dumps({**shown, "not_ok": reasons}))
