"""What is said about a metric, apart from its value: the page's header and the documentation are made of the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter"]

GPU_LABELS = ("gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname", "DCGM_FI_DRIVER_VERSION")
"""dcgm-exporter's labels of a whole GPU, in its order."""

INSTANCE_LABELS = ("GPU_I_PROFILE", "GPU_I_ID")
"""dcgm-exporter's two labels more of a GPU instance."""


@dataclass(frozen=True)
class Described:
    """One metric: ``unit`` is empty for numbers without one; ``mig_labels`` are there for GPU instances only."""

    name: str
    kind: Kind
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    mig_labels: tuple[str, ...] = ()
