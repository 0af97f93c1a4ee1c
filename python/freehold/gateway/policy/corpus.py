"""All text of a request in one piece of memory, with the way back to where each part of it stood.

Every text counts, wherever it stands: names, metadata, descriptions of tools, their arguments and results, fields that
nobody knows. A text is judged together with the name of its field, so that ``{"password": "..."}`` is seen as one; the
texts of a list's parts are judged once more without a gap between them, so that a secret cannot be cut in two.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from freehold.gateway.policy.fold import folded
from freehold.gateway.policy.rule import names

GAP = b"\n\x00\n"
"""Between two texts. No folded text has a zero byte, and no built-in pattern passes one."""
LONG_NUMBER = 10**9
"""Numbers from here on are judged as text: a card's number may come without quotation marks."""
REACH = 512
"""How far from a seam a match may begin or end; every built-in rule's match is shorter."""
BASE64 = re.compile(r"(?:data:[^,\s]{0,100};base64,)?[A-Za-z0-9+/=]*")
OPAQUE = {"url", "image_url", "data", "file_data", "b64_json"}
OPAQUE_LENGTH = 1_000
"""Long base64 in these fields is an image or a file, which has its own rule; it is not read as text."""

# Names that may stand in a finding. Any other name was chosen by the caller and may be a secret itself.
SHOWN = names(
    "messages content text input output instructions system prompt tools function description parameters metadata "
    "name arguments tool_calls suffix user role image_url url source data file stop model title context "
    "input_schema properties response_format json_schema schema id call_id tool_call_id tool_use_id type summary "
    "refusal annotations file_data input_audio prediction documents stop_sequences safety_identifier user_id"
)


@dataclass
class Corpus:
    """``text`` is everything; ``starts`` says where each piece begins, ``paths`` where it stood."""

    text: bytes
    starts: list[int]
    paths: list[str]
    seams: dict[int, list[int]]
    """For a piece that is made of several: where they meet."""

    def place(self, start: int, end: int) -> str | None:
        """Return the JSON path of a match, or none where it repeats one: joined pieces count only over a seam."""
        number = bisect_right(self.starts, start) - 1
        seams = self.seams.get(number)
        if seams is not None and bisect_right(seams, start) == bisect_right(seams, end - 1):
            return None
        return self.paths[number]


@dataclass
class _Builder:
    pieces: list[bytes] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    seams: dict[int, list[int]] = field(default_factory=dict)
    size: int = 0

    def add(self, path: str, text: bytes) -> None:
        self.starts.append(self.size)
        self.paths.append(path)
        self.pieces.append(text)
        self.size += len(text) + len(GAP)

    def join(self, path: str, texts: list[bytes]) -> None:
        meeting, size = [], self.size
        ends = [_ends(text) for text in texts]
        for text in ends[:-1]:
            size += len(text)
            meeting.append(size)
        self.seams[len(self.starts)] = meeting
        self.add(path, b"".join(ends))


def _ends(text: bytes) -> bytes:
    return text if len(text) <= 2 * REACH else text[:REACH] + GAP + text[-REACH:]


def gather(body: Any) -> Corpus:
    """Return the corpus of a parsed body, whose depth somebody has limited."""
    builder = _Builder()
    _walk(body, "$", b"", builder)
    return Corpus(GAP.join(builder.pieces), builder.starts, builder.paths, builder.seams)


def _walk(value: Any, path: str, name: bytes, into: _Builder) -> None:
    if isinstance(value, dict):
        _walk_object(value, path, name, into)
    elif isinstance(value, list):
        if name:
            into.add(path, name)
        for number, inner in enumerate(value):
            _walk(inner, f"{path}[{number}]", b"", into)
        parts = [folded(part) for part in _parts(value)]
        if len(parts) > 1:
            into.join(path, parts)
    else:
        text = _text_of(value)
        if text or name:
            into.add(path, name + b"=" + text if name else text)


def _walk_object(value: dict[str, Any], path: str, name: bytes, into: _Builder) -> None:
    if name:
        into.add(path, name)
    for key, inner in value.items():
        opaque = key in OPAQUE and isinstance(inner, str) and len(inner) > OPAQUE_LENGTH and BASE64.fullmatch(inner)
        if not opaque:
            _walk(inner, f"{path}.{key if key in SHOWN else '*'}", folded(key), into)


def _text_of(value: Any) -> bytes:
    if isinstance(value, str):
        return folded(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= LONG_NUMBER:
        return repr(value).encode()
    return b""


def _parts(value: list[Any]) -> Iterator[str]:
    for part in value:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            for name in ("text", "content"):
                if isinstance(part.get(name), str):
                    yield part[name]
                    break
