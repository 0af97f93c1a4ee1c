"""The command ``freehold``: composes the parts' own commands and turns errors into messages and exit codes."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from freehold import __version__
from freehold.errors import FreeholdError, FreeholdErrors

# A node has only the packages of its services: a part whose needs are missing there is left out, not a crash.
PARTS = (
    "lab",
    "bundle",
    "weights",
    "fleet",
    "gateway",
    "exporter",
    "door",
    "dead_mans_switch",
    "keys",
    "mesh",
    "sovereignty",
    "status",
    "drift",
    "support",
    "ledger",
    "report",
)


def build() -> typer.Typer:
    """The whole command, from the parts that can be imported here."""
    app = typer.Typer(
        name="freehold",
        help="A private AI endpoint on hardware that you own, and the proof of it.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for part in PARTS:
        try:
            module = importlib.import_module(f"freehold.{part}.cli")
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("freehold"):
                raise
            continue
        module.register(app)
    return app


def _version(asked: bool) -> None:  # noqa: FBT001  typer's own form of a callback
    if asked:
        print(__version__)
        raise typer.Exit


def _options(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    del debug, version  # --debug is read from argv by main(), which must know it even when the parser fails


def main() -> None:
    """Entry point: exit codes are those of :mod:`freehold.errors`; no traceback without ``--debug``."""
    try:
        build()()
    except (FreeholdError, FreeholdErrors) as error:
        if "--debug" in sys.argv:
            raise
        _show(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted; the same command goes on from here")
        sys.exit(130)


def _show(error: FreeholdError | FreeholdErrors) -> None:
    if "--json" in sys.argv:
        group = error.as_json() if isinstance(error, FreeholdErrors) else [error.as_json()]
        print(json.dumps({"errors": group}, indent=2))
        return
    console = Console(stderr=True, soft_wrap=True)
    for one in error.errors if isinstance(error, FreeholdErrors) else (error,):
        console.print(Text(str(one)))
