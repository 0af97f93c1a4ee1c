"""Whether the fleet is well: nodes and alerts first, then GPUs, engines, gateways, the machines, and who watches."""

from __future__ import annotations

from freehold.report.model import Row, View
from freehold.report.panels.health.fleet import FLEET
from freehold.report.panels.health.gateway import GATEWAY
from freehold.report.panels.health.gpu_faults import FAULTS
from freehold.report.panels.health.gpu_figures import FIGURES
from freehold.report.panels.health.machine import MACHINE
from freehold.report.panels.health.monitoring import MONITORING
from freehold.report.panels.health.runtime import RUNTIME
from freehold.report.panels.shared import simulated

HEALTH = View(
    "health",
    "Health",
    "Whether every node, GPU, engine and gateway does what it should, and what to do where one does not.",
    (FLEET, RUNTIME, GATEWAY, FIGURES, FAULTS, MACHINE, MONITORING, Row("What is not real", (simulated("health"),))),
)
