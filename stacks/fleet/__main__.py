"""The stack `fleet`: wires the plan of :mod:`freehold.fleet.program` to components. Nothing is decided here."""  # noqa: INP001

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pulumi

from components.inference_node import InferenceNode, NodeArgs, Reach
from components.roll import Roll
from freehold.fleet import program

plan = program.begin()
reach = Reach(plan.private_key, plan.public_key, plan.settings.bundle.url, plan.bundle_key)
port = plan.settings.gateway.port
nodes = {
    node.name: InferenceNode(
        node.name,
        NodeArgs(
            node.host,
            reach,
            node.stdin,
            node.environment,
            port,
            plan.held,
            unknown=node.unknown,
            mesh_word=node.mesh_word,
        ),
    )
    for node in plan.nodes
}
document = Roll(plan.document, plan.batches, {node.name: node.environment for node in plan.nodes}).over(nodes)

pulumi.export("document", document)
pulumi.export("endpoints", {name: node.endpoint for name, node in nodes.items()})
pulumi.export("facts", {name: node.facts for name, node in nodes.items()})
pulumi.export("recaps", {name: node.recap for name, node in nodes.items()})
pulumi.export("digests", {node.name: node.digests for node in plan.nodes})
