"""How following goes, for Prometheus: read where the numbers are kept, when somebody scrapes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from freehold.gateway.authority.role import Role
from freehold.ledger.periods import SECOND_MS


@dataclass(frozen=True, eq=False)
class RoleMetrics(Collector):
    """Only integers and floats are read, each at once: the scraping thread waits for no ledger and changes nothing."""

    role: Role

    def collect(self) -> Iterator[Metric]:
        """All of them; those that are of the other part have no sample."""
        follower, office, leases = self.role.follower, self.role.office, self.role.leases
        silent = GaugeMetricFamily(
            "freehold_gateway_authority_silent_seconds", "Since the authority was last heard by this follower"
        )
        version = GaugeMetricFamily("freehold_gateway_keys_version", "The number of the last change of keys known here")
        held = GaugeMetricFamily("freehold_gateway_leases_held", "Leases that something may be taken of")
        asked = CounterMetricFamily("freehold_gateway_lease_asks", "Leases asked for, by answer", labels=["answer"])
        lent = GaugeMetricFamily("freehold_gateway_leases_outstanding", "Leases lent and not reported as done")
        ago = GaugeMetricFamily("freehold_gateway_follower_seconds", "Since a gateway was heard", labels=["node"])
        behind = GaugeMetricFamily("freehold_gateway_follower_behind", "Changes of keys unknown to it", labels=["node"])
        if follower is not None and leases is not None:
            silent.add_metric([], follower.silent_seconds)
            version.add_metric([], follower.filing.version)
            held.add_metric([], follower.filing.leases)
            for answer, count in leases.asked.items():
                asked.add_metric([answer], count)
        if office is not None:
            version.add_metric([], self.role.books.version)
            lent.add_metric([], office.outstanding)
            self._followers(ago, behind)
        yield from (silent, version, held, asked, lent, ago, behind)

    def _followers(self, ago: GaugeMetricFamily, behind: GaugeMetricFamily) -> None:
        office, books = self.role.office, self.role.books
        now = books.clock.now_ms()
        for node, heard in list(office.heard.items()) if office else ():
            if office and node != office.own:
                ago.add_metric([node], max(0, now - heard.heard_ms) / SECOND_MS)
                behind.add_metric([node], max(0, books.version - heard.version))


def watch(registry: CollectorRegistry, role: Role) -> None:
    """Add them to a gateway's metrics."""
    registry.register(RoleMetrics(role))
