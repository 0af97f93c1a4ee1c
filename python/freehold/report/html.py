"""HTML and SVG from Python: whatever is not made here is text, and text is escaped. There is no other way in."""

from __future__ import annotations

import html
from collections.abc import Iterable

QUOTE = '"'
VOID = frozenset({"meta", "br", "hr", "link"})
NOT_SHOWN = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160)), "�")
"""Control characters: HTML has no place for them, and a terminal that shows the page's source must not obey them."""

NOT_SHOWN |= dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F), "")
"""Marks that turn the direction of writing: a label must not rearrange the line that it stands in."""


class Html(str):
    """Text that is HTML already; made by :func:`tag` and :func:`joined` only."""

    __slots__ = ()


Child = str | None
Attribute = str | int | bool | None


def escaped(text: str) -> Html:
    """``text`` as HTML shows it. What is HTML already stays as it is."""
    if isinstance(text, Html):
        return text
    # A lone surrogate, which JSON can carry, has no bytes in UTF-8.
    clean = text.translate(NOT_SHOWN).encode("utf-8", "replace").decode("utf-8")
    return Html(html.escape(clean, quote=False))


def joined(parts: Iterable[Child], between: str = "") -> Html:
    """All parts one after the other; None is nothing."""
    return Html(escaped(between).join(escaped(part) for part in parts if part is not None))


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """An element. ``class_`` is ``class``, ``aria_label`` is ``aria-label``; None and False are left out."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{joined(children)}</{name}>")


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escaped(str(value)).replace(QUOTE, "&quot;")}"'


def hidden(text: str) -> Html:
    """For those who hear the page."""
    return tag("span", text, class_="hear")


def style(text: str) -> Html:
    """A style sheet of ours; never with anything in it that came from outside."""
    return Html(f"<style>{text}</style>")
