"""The whole command, composed once: to read the signatures of all its functions takes 50 ms each time."""

from functools import cache
from typing import Any

import pytest
import typer.main

from freehold import cli
from freehold.cli import build


@cache
def whole() -> Any:
    """The command as Typer hands it to its parser. (Typer carries a click of its own.)"""
    return typer.main.get_command(build())


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run ``freehold WORDS``, as its entry point does, in this process; its exit code."""
    monkeypatch.setattr(cli, "build", whole)
    monkeypatch.setattr("sys.argv", ["freehold", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)
