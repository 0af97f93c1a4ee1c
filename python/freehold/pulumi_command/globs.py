r"""The globs of `assetPaths` and `archivePaths`, as the SDK documents them with a pointer to gobwas/glob.

::

    *       anything but /          ?       one character but /
    **      anything, also /        {a,b}   one of these patterns
    [abc]   one of these            [!abc]  one character, none of these
    [a-z]   one of this range       \       the next character as it is
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_EXCLUDES = "!"

# A set in brackets is either one range or a list of characters, which may then hold a hyphen from its second place on.
_TOKEN = re.compile(
    r"(?P<wild>\*\*|\*|\?)"
    r"|\[(?P<none>!?+)(?:(?P<low>.)-(?P<high>.)|(?!.-)(?P<list>(?:\\.|[^\]\\])+))\]"
    r"|(?P<wrong>\[)"
    r"|\\(?P<escaped>.?)"
    r"|(?P<choice>[{},])"
    r"|(?P<text>[^*?\[\\{},]+)",
    re.DOTALL,
)
_WILD = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
_CHOICE = {"{": "(?:", ",": "|", "}": ")"}


class GlobError(ValueError):
    """A text that is no glob."""


def wrong(rule: str) -> str:
    """What is wrong with a rule; empty when nothing is."""
    try:
        _compiled(rule)
    except GlobError as error:
        return str(error)
    return ""


def chosen(paths: Iterable[str], rules: Iterable[str]) -> list[str]:
    """The paths that the rules leave: each rule in its order, one with `!` before it takes away again.

    Raises :class:`GlobError`.
    """
    compiled = [(_compiled(rule), not rule.startswith(_EXCLUDES)) for rule in rules]
    last_words = ((path, [keeps for pattern, keeps in compiled if pattern.fullmatch(path)][-1:]) for path in paths)
    return [path for path, kept in last_words if kept == [True]]


def _compiled(rule: str) -> re.Pattern[str]:
    return re.compile("".join(_translated(rule.removeprefix(_EXCLUDES))), re.DOTALL)


def _translated(glob: str) -> Iterator[str]:
    depth = 0
    for token in _TOKEN.finditer(glob):
        character = token["choice"]
        if character and (depth or character == "{"):
            depth += {"{": 1, "}": -1}.get(character, 0)
            yield _CHOICE[character]
        else:
            yield _WILD.get(token["wild"]) or _set(token) or re.escape(_literal(token))
    if depth:
        raise GlobError("expected a } for each {")


def _literal(token: re.Match[str]) -> str:
    if token["wrong"]:
        raise GlobError(f"after `{token.string[: token.start()]}` expected [abc], [!abc] or [a-z]")
    return token["choice"] or token["escaped"] or token["text"] or ""


def _set(token: re.Match[str]) -> str:
    none = "^" if token["none"] else ""
    if token["low"]:
        if token["high"] < token["low"]:
            raise GlobError(f"the range {token[0]} begins after its end")
        return f"[{none}{re.escape(token['low'])}-{re.escape(token['high'])}]"
    members = re.sub(r"\\(.)", r"\1", token["list"] or "", flags=re.DOTALL)
    return f"[{none}{''.join(map(re.escape, members))}]" if members else ""
