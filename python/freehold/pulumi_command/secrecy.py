"""Keeps secret inputs out of logs and messages, and marks outputs that repeat one.

The official plugin leaves this to the author of the stack (``logging``, ``additionalSecretOutputs``); the stand-in is
stricter, for a forgotten mark would put a key into the state in the clear.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from freehold.pulumi_command import wire
from freehold.pulumi_command.schema import CONNECTION_SECRETS

SHOWN_INSTEAD = "[secret]"

# Shorter texts are left alone, as Pulumi's own log filter does: masking every "1" would make output unreadable.
SHORTEST_MASKED = 3


@dataclass(frozen=True)
class Redactor:
    """Knows the secret texts of one resource, the longest first, so that parts do not spoil wholes."""

    texts: tuple[str, ...]

    @classmethod
    def of(cls, inputs: Mapping[str, wire.Tree]) -> Redactor:
        """The redactor for a resource's inputs."""
        texts = {text for key, tree in inputs.items() if key != "connection" for text in wire.secret_texts(tree)}
        texts |= {*_connection_texts(wire.plain(inputs.get("connection")))}
        return cls(tuple(sorted(_parts(texts), key=len, reverse=True)))

    def mask(self, text: str) -> str:
        """``text`` with every secret replaced."""
        for secret in self.texts:
            text = text.replace(secret, SHOWN_INSTEAD)
        return text

    def finds(self, text: str) -> bool:
        """Whether ``text`` repeats a secret."""
        return any(secret in text for secret in self.texts)


def _connection_texts(connection: wire.Tree) -> Iterator[str]:
    """The SDK marks a whole connection as secret. Its address and user belong in messages; keys and passwords not."""
    if isinstance(connection, dict):
        yield from (text for name in CONNECTION_SECRETS if isinstance(text := connection.get(name), str))
        yield from _connection_texts(connection.get("proxy"))


def _parts(texts: Iterable[str]) -> set[str]:
    """Whole texts and their lines: output is logged line by line."""
    parts: set[str] = set()
    for text in texts:
        parts.update(part for part in (text, text.strip(), *text.splitlines()) if len(part.strip()) >= SHORTEST_MASKED)
    return parts - {wire.UNKNOWN}
