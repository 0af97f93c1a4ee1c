"""The fleet's order: all bootstraps, then the batches one after the other, then the peers, and a last word."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_command import local

from components.inference_node import CONVERGE_TIMEOUTS, Fed, InferenceNode
from freehold.fleet import digest, mesh_key, record, roll
from freehold.fleet import document as documents
from freehold.fleet.converge import PRIVATE_KEY

FINISH = "python -m freehold.fleet.roll"
PEERS = "FREEHOLD_DIGEST_PEERS"


@dataclass(frozen=True)
class Roll:
    """``document`` is the whole fleet's, ``environments`` has the digests of each node's converge."""

    document: Mapping[str, Any]
    batches: Sequence[roll.Batch]
    environments: Mapping[str, Mapping[str, str]]

    def over(self, nodes: Mapping[str, InferenceNode]) -> pulumi.Output[dict[str, Any]]:
        """Chain ``nodes`` and return the document with the public keys that their bootstraps brought."""
        self._converge(nodes)
        keys = pulumi.Output.all(**{name: node.mesh_key for name, node in nodes.items()})
        document = keys.apply(lambda known: documents.with_peers(self.document, known))
        for name, node in nodes.items():
            peers = document.apply(functools.partial(_peers, name=name))
            told = document.apply(functools.partial(_introduction, name=name))
            # The generation too: a hand edit of what this step wrote is undone by this step alone.
            own = {key: self.environments[name][key] for key in (PRIVATE_KEY, record.GENERATION)}
            key = document.apply(functools.partial(mesh_key.in_document, host=name))
            node.introduce(Fed(told, {PEERS: peers, mesh_key.WORD: node.args.mesh_word, mesh_key.KEY: key, **own}))
        self._finish(nodes, document, document.apply(functools.partial(_peers, name=self.document["monitor"][0])))
        return document

    def _converge(self, nodes: Mapping[str, InferenceNode]) -> None:
        """A batch waits for the one before it; the first for every bootstrap, so that all keys are there."""
        before: list[pulumi.Resource | None] = [node.bootstrapped for node in nodes.values()]
        for batch in self.batches:
            for name in batch.hosts:
                nodes[name].converge(before)
            before = [nodes[name].converged for name in batch.hosts]
        rolled = {name for batch in self.batches for name in batch.hosts}
        for name in nodes.keys() - rolled:
            nodes[name].converge([])  # in maintenance: it stays as it is

    def _finish(
        self, nodes: Mapping[str, InferenceNode], document: pulumi.Output[dict[str, Any]], peers: pulumi.Output[str]
    ) -> None:
        ended = [one for node in nodes.values() for one in (node.converged, node.introduced)]
        whole: pulumi.Input[str] = document.apply(_text)
        digests: dict[str, pulumi.Input[str]] = {**roll.environment(self.environments), PEERS: peers}
        local.Command(
            "roll",
            create=FINISH,
            update=FINISH,
            environment=digests,
            stdin=pulumi.Output.secret(whole),
            add_previous_output_in_env=False,
            logging=local.Logging.NONE,
            opts=pulumi.ResourceOptions(
                depends_on=[one for one in ended if one is not None],
                custom_timeouts=CONVERGE_TIMEOUTS,
                additional_secret_outputs=["stdin"],
            ),
        )


def _peers(document: Mapping[str, Any], name: str) -> str:
    return digest.of_data(documents.of_peers(document, name))[: digest.SHOWN_HEX]


def _introduction(document: Mapping[str, Any], name: str) -> str:
    return _text(documents.introduction(document, name))


def _text(document: Mapping[str, Any]) -> str:
    return digest.canonical(document).decode()
