"""The fleet document out of a stack's outputs, by the Pulumi CLI: what the exported file is made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from freehold.fleet import document as documents
from freehold.fleet.labconfig import STACK_FOLDER
from freehold.process import Runner, run


def document(
    stack: str, *, env: Mapping[str, str] | None = None, folder: Path = STACK_FOLDER, runner: Runner = run
) -> dict[str, Any]:
    """Read the document of ``stack``; raises :class:`FreeholdError` where there is no CLI, no stack, or no document."""
    words = ["pulumi", "stack", "output", "document", "--json", "--stack", stack, "--non-interactive"]
    return documents.parse(runner(words, cwd=folder, env=env).stdout, f"stack {stack}")
