"""What Freehold's programs show, read from the code that shows it: no name here is typed twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from freehold.dead_mans_switch import page as dead_mans_switch_page
from freehold.drift import metrics as drift
from freehold.exporter import metrics as exporter
from freehold.exporter.described import Described as OwnDescribed
from freehold.gateway.authority.metrics import RoleMetrics
from freehold.gateway.authority.role import Role
from freehold.gateway.config_frontier import FrontierConfig
from freehold.gateway.frontier.metrics import FrontierMetrics, Sums
from freehold.gateway.metrics import Metrics
from freehold.report import metrics as report
from freehold.sovereignty import page as sovereignty_page
from monitoring import rules
from monitoring.metrics_page.described import Described
from monitoring.metrics_page.words import WORDS


def gpu_exporter() -> tuple[Described, ...]:
    """All that the exporter's page can hold."""
    return _ours(exporter.described())


def dead_mans_switch() -> tuple[Described, ...]:
    """The switch's."""
    return _ours(dead_mans_switch_page.described())


def status_page() -> tuple[Described, ...]:
    """Those of the service behind the status page."""
    return _ours(report.described())


def _ours(metrics: Iterable[OwnDescribed]) -> tuple[Described, ...]:
    return tuple(Described(one.name, one.help, (*one.labels, *one.mig_labels), one.kind, one.unit) for one in metrics)


def gateway() -> tuple[Described, ...]:
    """The gateway's, those of its part in the fleet too."""
    registry = CollectorRegistry()
    Metrics(registry)
    nobody = cast("Role", SimpleNamespace(follower=None, office=None, leases=None))
    return _said(sorted((*_of(registry), *_families(RoleMetrics(nobody).collect())), key=lambda one: one.name))


def frontier() -> tuple[Described, ...]:
    """What is there where the settings name a provider."""
    registry = CollectorRegistry()
    FrontierMetrics(registry)
    caps = cast("FrontierConfig", SimpleNamespace(share_ppm=0, nano_usd_per_day=0, nano_usd_per_month=0))
    return _said((*_of(registry), *_families(Sums(lambda: None, caps).collect())))


def drift_probe() -> tuple[Described, ...]:
    """The node's page of drift."""
    return _ours(drift.described())


def sovereignty() -> tuple[Described, ...]:
    """The node's pages of checks and of digests."""
    return _said(_ours(sovereignty_page.described()))


def recorded() -> tuple[Described, ...]:
    """What Prometheus computes."""
    return tuple(Described(one.name, one.about, one.labels, "recorded") for one in rules.recorded())


def _of(registry: CollectorRegistry) -> Iterator[Described]:
    # The registry tells names and help; only the metric itself knows its labels before it has a value.
    for one in list(registry._collector_to_names):  # noqa: SLF001  there is no public way
        if isinstance(one, MetricWrapperBase):
            yield _described(one._name, one._documentation, one._labelnames, one._type)  # noqa: SLF001  as above
        else:
            yield from _families(one.collect())


def _families(families: Iterable[Any]) -> Iterator[Described]:
    for one in families:
        yield _described(one.name, one.documentation, getattr(one, "_labelnames", ()), one.type)


def _described(name: str, text: str, labels: Iterable[str], kind: str | None) -> Described:
    whole = f"{name}_total" if kind == "counter" else name
    return Described(whole, text.rstrip("."), tuple(labels), kind or "gauge")


def _said(metrics: Iterable[Described]) -> tuple[Described, ...]:
    return tuple(replace(one, help=WORDS.get(one.name, one.help)) for one in metrics)
