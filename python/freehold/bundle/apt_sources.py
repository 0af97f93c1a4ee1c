"""Which Debian packages, and from which of the machine's own sources. Reading only: text in, text out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from freehold.errors import RefusedError

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
# A source that waives signatures would make the bundle's own signature a lie.
_WAIVERS = ("trusted", "allow-insecure", "allow-weak", "allow-downgrade-to-insecure")
_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)")


def read_names(paths: Iterable[Path]) -> tuple[str, ...]:
    """Package names of all lists, one a line, a reason after ``#``. Raises :class:`RefusedError` naming the line."""
    return tuple(sorted({name for path in paths for name in _names(path)}))


def _names(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        name = line.partition("#")[0].strip()
        if name and not _NAME.fullmatch(name):
            raise RefusedError(
                "BUNDLE_PACKAGE_NAME", f"{path}:{number}", repr(name), expected="one package name a line"
            )
        if name:
            yield name


def machine_sources(etc: Path, suite: str) -> str:
    """The machine's sources of ``suite`` with its updates and security, as one deb822 text.

    ``etc`` is /etc/apt. Other suites and vendors' sources are left out. Raises :class:`RefusedError` when none is left.
    """
    folder = etc / "sources.list.d"
    files = [etc / "sources.list", *sorted(folder.glob("*.list")), *sorted(folder.glob("*.sources"))]
    suites = {suite, f"{suite}-updates", f"{suite}-security"}
    found = [stanza for file in files if file.is_file() for stanza in _stanzas(file, suites)]
    if not found:
        raise RefusedError(
            "BUNDLE_APT_SOURCES",
            str(etc),
            f"no source of {suite}",
            expected=f"a signed source with suite {suite}",
            why="the nodes' packages are taken from where this machine takes its own",
            fix=f"add a source of {suite} to {folder}, or build the bundle on a machine that has one",
        )
    return "\n\n".join(found) + "\n"


def _stanzas(file: Path, suites: set[str]) -> Iterator[str]:
    text = file.read_text(encoding="utf-8")
    fields = _deb822(text) if file.suffix == ".sources" else _one_line(text)
    for stanza in fields:
        wanted = [name for name in stanza.get("suites", "").split() if name.rstrip("/") in suites]
        if wanted and "deb" in stanza.get("types", "").split() and stanza.get("enabled", "yes") != "no":
            kept = {name: value for name, value in stanza.items() if name not in _WAIVERS}
            kept |= {"types": "deb", "suites": " ".join(wanted)}
            yield "\n".join(f"{name.title()}: {value}" for name, value in kept.items())


def _deb822(text: str) -> Iterator[dict[str, str]]:
    for block in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        last = ""
        for line in block.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0].isspace():
                fields[last] += f"\n{line}"
                continue
            last, _, value = (part.strip() for part in line.partition(":"))
            last = last.lower()
            fields[last] = value
        yield fields


def _one_line(text: str) -> Iterator[dict[str, str]]:
    for line in text.splitlines():
        if match := _ONE_LINE.fullmatch(line.partition("#")[0].strip()):
            options = dict(option.lower().split("=", 1) for option in (match["options"] or "").split() if "=" in option)
            signed = next(
                (o.split("=", 1)[1] for o in (match["options"] or "").split() if o.startswith("signed-by=")), ""
            )
            plain = {name.rstrip("+-"): value.replace(",", " ") for name, value in options.items()}
            plain.pop("arch", None)
            yield {
                **{name: value for name, value in plain.items() if name in _WAIVERS},
                "types": "deb",
                "uris": match["uri"],
                "suites": match["suite"],
                "components": match["components"].strip(),
                **({"signed-by": signed} if signed else {}),
            }
