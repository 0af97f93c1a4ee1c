"""``docs/configuration.md``, written from the settings themselves: ``python -m freehold.fleet.settings_page``."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic.fields import FieldInfo

from freehold.fleet.sections import Section, inner
from freehold.fleet.settings import NAMESPACE, SECRET_KEYS, Settings, sections
from freehold.paths import PROJECT

PAGE = PROJECT / "docs" / "configuration.md"

INTRODUCTION = f"""\
# Configuration of a stack

What `stacks/fleet/Pulumi.<stack>.yaml` may say; anything else is refused, all errors together, each with its line and
the command that mends it. `stacks/fleet/Pulumi.example.yaml` is a complete example. Check a file without connecting to
anything: `freehold fleet validate --config Pulumi.<stack>.yaml`.

All keys are in the namespace `{NAMESPACE}:`. {", ".join(f"`{key}`" for key in SECRET_KEYS)} are secrets: set them
with `pulumi config set --secret`, never as plain text. This page is written from `python/freehold/fleet/settings.py` by
`python -m freehold.fleet.settings_page`; a test keeps the two the same.
"""


def render() -> str:
    """The whole page."""
    plain = {name: field for name, field in Settings.model_fields.items() if inner(Settings, name) is None}
    parts = [INTRODUCTION, f"## `{NAMESPACE}:`\n", *_table(plain)]
    for place, section in sections().items():
        parts += [f"\n## `{NAMESPACE}:{place}`\n", f"{_summary(section)}\n"]
        parts += _table(section.model_fields)
    return "\n".join(parts) + "\n"


def _table(fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield "| key | what it takes | where it is left out |"
    yield "|---|---|---|"
    for name, field in fields.items():
        yield f"| `{name}` | {(field.description or '').replace('|', chr(92) + '|')} | {_default(field)} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "refused"
    if field.default is None:
        return "as it says" if "left out" in str(field.description) else "completed"
    return "`{}`" if isinstance(field.default, Section) else f"`{json.dumps(field.default)}`"


def _summary(section: type[Section]) -> str:
    return (section.__doc__ or "").strip().splitlines()[0]


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
