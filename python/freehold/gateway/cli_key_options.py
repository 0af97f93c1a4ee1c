"""What a key may, as options: written once for the commands that make a key and that change it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from freehold.errors import UsageError
from freehold.ledger.money import nano_usd
from freehold.ledger.periods import end_of_date_ms

Models = Annotated[
    list[str] | None, typer.Option("--model", help="A model or alias that it may ask for; again for more.")
]
PerMinute = Annotated[int | None, typer.Option(min=0, help="Requests a minute.")]
PerDay = Annotated[int | None, typer.Option(min=0, help="Tokens a UTC day.")]
AtOnce = Annotated[int | None, typer.Option(min=0, help="Requests open at once.")]
MayLeave = Annotated[bool, typer.Option("--frontier", help="Its requests may leave, by exception.")]
FrontierTokens = Annotated[int | None, typer.Option(min=0, help="Frontier tokens a day.")]
FrontierUsd = Annotated[float | None, typer.Option(min=0, help="Frontier money a month, USD.")]
Sees = Annotated[bool, typer.Option("--status/--no-status", help="It may see the gateway's status page.")]
Expires = Annotated[str | None, typer.Option(help="Its last day, YYYY-MM-DD (UTC).")]


def may(
    *,
    model: Models = None,
    requests_per_minute: PerMinute = None,
    tokens_per_day: PerDay = None,
    concurrent: AtOnce = None,
    frontier: MayLeave = False,
    frontier_tokens_per_day: FrontierTokens = None,
    frontier_usd_per_month: FrontierUsd = None,
    status: Sees = False,
    expires: Expires = None,
) -> dict[str, Any]:
    """What the ledger is told: ``limits`` as :class:`freehold.ledger.key_records.KeyLimits` takes them, ``expires_ms``.

    Raises :class:`UsageError`.
    """
    limits = {
        "models": model,
        "requests_per_minute": requests_per_minute,
        "tokens_per_day": tokens_per_day,
        "concurrent": concurrent,
        "frontier": frontier,
        "frontier_tokens_per_day": frontier_tokens_per_day,
        "frontier_nano_usd_per_month": None if frontier_usd_per_month is None else nano_usd(frontier_usd_per_month),
        "status": status,
    }
    return {"limits": limits, "expires_ms": _end_of(expires)}


def with_options_of_may(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of :func:`may` beside its own; it gets what they make as ``told``."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())
    shared = list(inspect.signature(may, eval_str=True).parameters.values())

    def run(**given: Any) -> None:
        told = may(**{one.name: given.pop(one.name) for one in shared})
        command(told=told, **given)

    listed = [one for given in own for one in (shared if given.name == "told" else [given])]
    run.__doc__ = command.__doc__
    run.__signature__ = inspect.Signature(listed)  # type: ignore[attr-defined]  # what typer reads
    return run


def _end_of(day: str | None) -> int | None:
    """The end of a day in UTC, in ms."""
    if day is None:
        return None
    try:
        return end_of_date_ms(day)
    except ValueError as error:
        raise UsageError("KEY_EXPIRES", day, "no date", expected="YYYY-MM-DD, its last day") from error
