"""When a node has another WireGuard key than the one its peers were told of, ``pulumi up`` has to read it anew.

The key comes with the bootstrap, whose inputs do not change by themselves. So they hold a word, empty at first, that
changes when a probe brings another key than the one the node was last introduced with, and stays when it is known.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from freehold.fleet import digest

WORD = "FREEHOLD_MESH_KEY_WORD"
"""The word of the bootstrap that brought the key, in the environment of the introduction that told of it."""
KEY = "FREEHOLD_MESH_KEY"
"""The public key that an introduction tells of, in its environment: so Pulumi's state has it."""
NO_KEY = "no key"


@dataclass(frozen=True)
class Told:
    """The public key that the peers of a node were told of last, and the word of the bootstrap that brought it."""

    key: str = ""
    word: str = ""

    def next_word(self, found: str | None) -> str:
        """The word for a node whose key is ``found``: empty for a node without one, ``None`` where nobody knows.

        Both keys are in it, so that one that changes again before anybody was told makes another word.
        """
        if found is None or (self.key and found == self.key):
            return self.word
        return f"{found or NO_KEY} after {self.key or NO_KEY}"


def path_of(state: Path, stack: str, host: str) -> Path:
    """Where it is kept for a host."""
    return state / "introduced" / stack / f"{host}.json"


def read(path: Path) -> Told:
    """What is kept; empty where there is nothing or it cannot be read (that only costs a bootstrap)."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Told(str(data["key"]), str(data["word"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Told()


def of_environment(environment: Mapping[str, str]) -> Told:
    """What an introduction told that ran with ``environment``."""
    return Told(environment.get(KEY, ""), environment.get(WORD, ""))


def in_document(document: Mapping[str, Any], host: str) -> str:
    """The public key of ``host`` that the document tells its peers; empty where it has none."""
    return "".join(peer["public_key"] for peer in document["mesh"]["peers"] or () if peer["name"] == host)


def write(path: Path, document: Mapping[str, Any], host: str, environment: Mapping[str, str]) -> None:
    """Keep what the peers of ``host`` were told, in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(digest.canonical(asdict(Told(in_document(document, host), environment.get(WORD, "")))))
    draft.replace(path)
