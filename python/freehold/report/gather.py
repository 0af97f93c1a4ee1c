"""Puts a page's questions to Prometheus, a few at once, all within one limit: every answer, or why there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from freehold.report import answers, head
from freehold.report.answers import Failure, Sample, Track
from freehold.report.head import Head
from freehold.report.model import Panel, View
from freehold.report.prometheus import Prometheus
from freehold.report.span import Range, Span

PROBE_SECONDS = 2.0
"""Of the first question. A Prometheus that does not answer it is not asked the other hundred."""

WHOLE_SECONDS = 5.0
QUESTION_SECONDS = 4.0
AT_ONCE = 4
SPARK_POINTS = 61
NOW = frozenset({"value", "table"})

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Request:
    """What is looked at. ``node`` is a name; empty: all nodes."""

    range: Range
    views: tuple[View, ...]
    node: str = ""

    def filled(self, expr: str) -> str:
        """``expr`` without placeholders. A node's name has letters, digits, ``.`` and ``-``."""
        node = self.node.replace(".", "[.]") or ".*"
        return expr.replace("$node", node).replace("$model", ".*").replace("$__range", self.range.id)


@dataclass(frozen=True)
class Shown:
    """A panel with its answers, one for each query: ``now`` for values and tables, ``over`` for courses.

    A value has a course too, for the small line beside it, unless it looks at the whole range anyhow.
    """

    panel: Panel
    now: tuple[tuple[Sample, ...] | Failure, ...] = ()
    over: tuple[tuple[Track, ...] | Failure, ...] = ()

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Why a part of it is missing."""
        return tuple(answer for answer in (*self.now, *self.over) if isinstance(answer, Failure))


@dataclass(frozen=True)
class Gathered:
    """All that a page shows. ``at`` is when it was asked, UNIX seconds; ``took`` is how long that was."""

    request: Request
    at: float
    span: Span
    head: Head
    shown: Mapping[str, Shown]
    took: float

    @property
    def failed(self) -> tuple[Shown, ...]:
        """Panels that miss an answer."""
        return tuple(one for one in self.shown.values() if one.failures)

    @property
    def data(self) -> str:
        """``ok``, ``partial``, or ``none``: how much of the page rests on answers that are new."""
        if self.head.trouble:
            return "none"
        return "partial" if self.failed or self.head.failures else "ok"


def gather(
    prometheus: Prometheus, request: Request, at: float, clock: Callable[[], float] = time.monotonic
) -> Gathered:
    """Ask everything. ``at`` is now, UNIX seconds; ``clock`` measures the limit."""
    begun, span = clock(), Span.of(request.range, at)
    panels = [panel for view in request.views for panel in view.panels]
    newest = prometheus.now(head.NEWEST, at, PROBE_SECONDS)
    if isinstance(newest, Failure):
        nothing = {panel.id: _without(panel, newest) for panel in panels}
        return Gathered(request, at, span, Head.without(newest), nothing, clock() - begun)
    with _Round(prometheus, until=begun + WHOLE_SECONDS, clock=clock) as questions:
        facts = {name: questions.put(_now(prometheus, expr, at)) for name, expr in head.QUESTIONS.items()}
        alerts = questions.put(prometheus.alerts)
        world = _World(prometheus, request, at, span)
        asked = [(panel, world.put_now(questions, panel), world.put_over(questions, panel)) for panel in panels]
        questions.end()
        shown = {panel.id: Shown(panel, _taken(now), _taken(over)) for panel, now, over in asked}
        known = {name: _take(future) for name, future in facts.items()}
        read = Head.of(newest, known, _take(alerts), at)
    return Gathered(request, at, span, read, shown, clock() - begun)


class _Round:
    """Questions that share one limit of time. At its end those that are open are cut."""

    def __init__(self, prometheus: Prometheus, until: float, clock: Callable[[], float]) -> None:
        self._prometheus, self._until, self._clock = prometheus, until, clock
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ask")
        self._put: list[Future[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._prometheus.cut()
        self._pool.shutdown(cancel_futures=True)

    def put(self, question: Callable[[float], tuple[Answer, ...] | Failure]) -> Future[tuple[Answer, ...] | Failure]:
        """Have ``question`` asked, with the seconds that are left for it."""

        def asked() -> tuple[Answer, ...] | Failure:
            left = min(QUESTION_SECONDS, self._until - self._clock())
            return question(left) if left > 0 else answers.SLOW

        future = self._pool.submit(asked)
        self._put.append(future)
        return future

    def end(self) -> None:
        """Wait for all, or for the limit."""
        wait(self._put, timeout=max(0.0, self._until - self._clock()))
        self._prometheus.cut()


@dataclass(frozen=True)
class _World:
    """What all questions of a page have in common."""

    prometheus: Prometheus
    request: Request
    at: float
    span: Span

    def put_now(self, questions: _Round, panel: Panel) -> list[Future[tuple[Sample, ...] | Failure]]:
        """Values and tables: what is, by query."""
        if panel.kind not in NOW:
            return []
        return [
            questions.put(_now(self.prometheus, self.request.filled(query.expr), self.at)) for query in panel.queries
        ]

    def put_over(self, questions: _Round, panel: Panel) -> list[Future[tuple[Track, ...] | Failure]]:
        """All but tables: how it came to be, by query."""
        if panel.kind == "table":
            return []
        span = Span.of(self.request.range, self.at, SPARK_POINTS) if panel.kind == "value" else self.span
        # A figure of the whole range has no course within it.
        exprs = [query.expr for query in panel.queries if panel.kind != "value" or "$__range" not in query.expr]
        return [questions.put(_over(self.prometheus, self.request.filled(expr), span)) for expr in exprs]


def _now(prometheus: Prometheus, expr: str, at: float) -> Callable[[float], tuple[Sample, ...] | Failure]:
    return lambda seconds: prometheus.now(expr, at, seconds)


def _over(prometheus: Prometheus, expr: str, span: Span) -> Callable[[float], tuple[Track, ...] | Failure]:
    return lambda seconds: prometheus.over(expr, span, seconds)


def _take(future: Future[tuple[Answer, ...] | Failure]) -> tuple[Answer, ...] | Failure:
    return future.result() if future.done() and not future.cancelled() else answers.SLOW


def _taken(futures: Sequence[Future[tuple[Answer, ...] | Failure]]) -> tuple[tuple[Answer, ...] | Failure, ...]:
    return tuple(_take(future) for future in futures)


def _without(panel: Panel, failure: Failure) -> Shown:
    reasons = (failure,) * len(panel.queries)
    return Shown(panel, now=reasons) if panel.kind in NOW else Shown(panel, over=reasons)
