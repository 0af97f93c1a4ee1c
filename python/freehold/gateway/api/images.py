"""Pictures and whatever else a part of a message may point at: data URLs and allowed hosts, nothing else.

A runtime fetches what a URL names: another host's picture is a way out of the node, a metadata address a way into it.
llama.cpp (read late 2026) fetches anything that begins with ``http``, also in ``input_audio.data``; so every string of
a part that is not text is judged, whatever its field is called.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from freehold.gateway.api.base import ApiLimits, Json
from freehold.gateway.refusals import RefusalError, malformed

SAID = frozenset(
    {"text", "input_text", "output_text", "refusal", "thinking", "redacted_thinking", "reasoning", "tool_use"}
    | {"tool_result", "tool_reference", "summary_text", "reasoning_text"}
)
"""Parts that are words. A URL in them is read by the model and fetched by nobody."""

UNREADABLE = {
    "document": "the engines here read text and pictures only: send a document's text",
    "file": "the engines here read text and pictures only: send a document's text",
    "input_file": "the engines here read text and pictures only: send a document's text",
    "container_upload": "no files are kept here",
    "search_result": "send it as text",
    "item_reference": "nothing is kept here between requests: send the item itself",
}

SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]{0,30}):")
DATA = re.compile(r"data:([a-z]+/[a-z0-9.+-]+)(?:;[a-z0-9=._-]+)*;base64,")
KINDS = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
PORTS = {"http": {None, 80}, "https": {None, 443}}
PLAIN = frozenset({"type", "detail", "media_type", "format", "id", "cache_control"})
UNPRINTED = re.compile(r"[\s\\\x00-\x1f]")


class Pictures:
    """Judges the parts of one request; counts its pictures."""

    def __init__(self, limits: ApiLimits) -> None:
        self._limits = limits
        self._seen = 0

    def judge(self, part: Json, where: str) -> None:
        """Raise a refusal (400) for a part that points where it may not, or that no engine here reads."""
        kind = part.get("type")
        if kind in SAID:
            return
        if isinstance(kind, str) and kind in UNREADABLE:
            raise _refused(where, f"A part of type {kind} is not taken: {UNREADABLE[kind]}.")
        if "file_id" in part or (isinstance(part.get("source"), dict) and part["source"].get("type") == "file"):
            raise _refused(where, "No files are kept here: send a picture as a data URL.")
        for value in _strings(part):
            self._judge_string(value, where)

    def _judge_string(self, value: str, where: str) -> None:
        scheme = SCHEME.match(value)
        if scheme is None:
            return  # base64 without a URL around it, as Anthropic's form has it
        name = scheme[1].lower()
        if name == "data":
            self._judge_data(value, where)
        elif name not in PORTS or not self._is_allowed(value):
            raise _refused(
                where, "Pictures are taken as data URLs (data:image/png;base64,...), and from no other host."
            )

    def _judge_data(self, value: str, where: str) -> None:
        self._seen += 1
        if self._seen > self._limits.images:
            raise _refused(where, f"A request may carry at most {self._limits.images} pictures.")
        head = DATA.match(value)
        if head is None or head[1] not in KINDS:
            raise _refused(where, f"A data URL must be base64 of one of {', '.join(sorted(KINDS))}.")
        if (len(value) - head.end()) * 3 // 4 > self._limits.image_bytes:
            raise _refused(where, f"A picture may have at most {self._limits.image_bytes} bytes.")

    def _is_allowed(self, url: str) -> bool:
        # Only names that the owner listed, and never an address that is private, whatever the list says.
        try:
            parts = urlsplit(url)
            plain = "@" not in parts.netloc and not UNPRINTED.search(url) and parts.port in PORTS[parts.scheme]
        except ValueError:
            return False
        host = (parts.hostname or "").rstrip(".")
        return plain and host in self._limits.image_hosts and not _is_inside(host)


def _is_inside(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        # 127.1, 0x7f000001 and 2130706433 are addresses to a C library; a host's name ends with letters.
        return not host.rpartition(".")[2].isalpha() or host in {"localhost", "metadata.google.internal"}


def _strings(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, str):
        if key not in PLAIN:
            yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)


def _refused(where: str, message: str) -> RefusalError:
    return malformed(f"{where}: {message}", reason="media_refused", param=where)
