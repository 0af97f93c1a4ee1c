"""What a query reads, and which labels its answers carry: PromQL's own parser, and a walk over what it made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser

from freehold.report.model import Query

PLACEHOLDERS = {"$node": "n1", "$model": "m1", "$__range": "1h"}
ANY = frozenset({"*"})
"""Of a metric that nobody described: it may have every label."""


def filled(expr: str) -> str:
    """``expr`` with values in the places that renderers fill."""
    for place, value in PLACEHOLDERS.items():
        expr = expr.replace(place, value)
    return expr


def parsed(expr: str) -> Any:
    """Raises :class:`ValueError` with the parser's words."""
    return promql_parser.parse(filled(expr))


def placeholders(expr: str) -> set[str]:
    """Words with a dollar, but for the groups of ``label_replace``."""
    return {word for word in re.findall(r"\$\w+", expr) if not word[1:].isdigit()}


def wanted(query: Query) -> set[str]:
    """The labels that the legend names."""
    return set(re.findall(r"\{\{(\w+)\}\}", query.legend))


def metrics(node: Any) -> Iterator[str]:
    """Names of all metrics that are read."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node.name or ""
    for child in children(node):
        yield from metrics(child)


def children(node: Any) -> Iterator[Any]:
    """The expressions in an expression."""
    if isinstance(node, promql_parser.MatrixSelector):
        yield node.vector_selector
    for name in ("expr", "lhs", "rhs"):
        if hasattr(node, name):
            yield getattr(node, name)
    yield from getattr(node, "args", None) or ()


def kept(node: Any, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Labels that the answers may carry; ``known`` are those of metrics by name."""
    if isinstance(node, promql_parser.VectorSelector):
        return known.get(node.name or "", ANY)
    if isinstance(node, promql_parser.AggregateExpr):
        return _aggregated(node, known)
    if isinstance(node, promql_parser.BinaryExpr):
        return _joined(node, known)
    if isinstance(node, promql_parser.Call):
        return _called(node, known)
    return frozenset[str]().union(*(kept(child, known) for child in children(node)))


def _aggregated(node: Any, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    inner = kept(node.expr, known)
    if node.modifier is None:
        return frozenset()
    labels = frozenset(node.modifier.labels)
    if node.modifier.type == promql_parser.AggModifierType.Without:
        return inner - labels
    return labels if inner & ANY else labels & inner


def _joined(node: Any, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    left, right = kept(node.lhs, known), kept(node.rhs, known)
    if str(node.op) == "or":
        return left | right
    numbers = [isinstance(side, promql_parser.NumberLiteral) or _is_time(side) for side in (node.lhs, node.rhs)]
    return right if numbers[0] else left


def _is_time(node: Any) -> bool:
    return isinstance(node, promql_parser.Call) and node.func.name == "time"


def _called(node: Any, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    if node.func.name == "label_replace":
        return kept(node.args[0], known) | {node.args[1].val}
    return frozenset[str]().union(*(kept(argument, known) for argument in node.args))
