"""Which alert keeps which others quiet: who knows that the node is down need not hear of each of its parts.

In the form that Alertmanager reads (``inhibit_rules``); role alertmanager takes ``rendered/inhibitions.yml`` as it is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

PARTS_OF_A_NODE = (
    "FreeholdNodeExporterDown",
    "FreeholdMetricsDoorShut",
    "FreeholdGpuExporterDown",
    "FreeholdGatewayDown",
    "FreeholdEndpointDown",
    "FreeholdRuntimeDown",
    "FreeholdCertificateUnseen",
    "FreeholdDriftProbeStale",
    "FreeholdSovereigntyStale",
    "FreeholdSovereigntyUnknown",
    "FreeholdTargetSlow",
    "FreeholdTargetDown",
    "FreeholdFollowerSilent",
    "FreeholdFollowerBehind",
)


@dataclass(frozen=True)
class Inhibition:
    """While ``source`` fires, ``targets`` with the same value of every label of ``equal`` are not told."""

    source: str
    targets: tuple[str, ...]
    equal: tuple[str, ...]

    def as_rule(self) -> dict[str, Any]:
        """As Alertmanager reads it."""
        words = asdict(self)
        return {
            "source_matchers": [f'alertname="{self.source}"'],
            "target_matchers": [f'alertname=~"{"|".join(self.targets)}"'],
            "equal": list(words["equal"]),
        }


# Whom a gateway passes over is not said: any node or engine that is down explains it.
RESTING = (
    "FreeholdNodeDown",
    "FreeholdEndpointDown",
    "FreeholdGatewayDown",
    "FreeholdRuntimeDown",
    "FreeholdModelDown",
)
NODE, GPU = ("node",), ("node", "gpu")
INHIBITIONS: tuple[Inhibition, ...] = (
    Inhibition("FreeholdNodeDown", PARTS_OF_A_NODE, NODE),
    Inhibition(
        "FreeholdMetricsDoorShut",
        (
            "FreeholdNodeExporterDown",
            "FreeholdGpuExporterDown",
            "FreeholdGatewayDown",
            "FreeholdRuntimeDown",
            "FreeholdDriftProbeStale",
            "FreeholdSovereigntyStale",
            "FreeholdSovereigntyUnknown",
        ),
        NODE,
    ),
    Inhibition("FreeholdNodeExporterDown", ("FreeholdDriftProbeStale", "FreeholdSovereigntyStale"), NODE),
    Inhibition("FreeholdEndpointDown", ("FreeholdGatewayDown",), NODE),
    Inhibition("FreeholdGpuSilent", ("FreeholdGpuMissing",), NODE),
    Inhibition(
        "FreeholdGpuLost", ("FreeholdGpuXidCritical", "FreeholdGpuRecoveryWanted", "FreeholdGpuNvlinkDown"), GPU
    ),
    Inhibition("FreeholdModelDown", ("FreeholdRuntimeDown",), ("model",)),
    Inhibition("FreeholdFrontierShareOver", ("FreeholdFrontierShareNear",), ()),
    Inhibition("FreeholdFrontierMoneyOver", ("FreeholdFrontierMoneyNear",), ("period",)),
    Inhibition("FreeholdCertificateEnds", ("FreeholdCertificateEndsSoon",), ("node", "instance")),
    Inhibition("FreeholdSovereigntyStale", ("FreeholdSovereigntyUnknown",), ("node", "check")),
    Inhibition("FreeholdTextfileError", ("FreeholdDriftProbeStale", "FreeholdSovereigntyStale"), NODE),
    Inhibition("FreeholdCertificateEnds", ("FreeholdCertificateUnseen",), ("node", "instance")),
    *(Inhibition(source, ("FreeholdReplicasResting",), ()) for source in RESTING),
    Inhibition("FreeholdDiskFull", ("FreeholdDiskFilling",), ("node", "mountpoint")),
)
