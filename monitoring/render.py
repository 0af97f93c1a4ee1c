"""Write what is made from here: ``python -m monitoring.render``; ``--check`` only says what is stale.

Prometheus' rules, Alertmanager's inhibitions, Grafana's dashboards, docs/metrics.md and the figures of
the runbooks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from freehold.paths import PROJECT
from monitoring import config, dashboards, metrics_page, rules, runbooks
from monitoring.model import Subject

RENDERED = PROJECT / "monitoring" / "rendered"
HEADER = "# Made from monitoring/ by `python -m monitoring.render`. Changes belong there.\n---\n"
WIDTH = 120


class Writer(yaml.SafeDumper):
    """Texts of several lines stay so; lists are indented as ansible-lint wants them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002  theirs
        """Indent lists below their key."""
        del indentless
        super().increase_indent(flow, indentless=False)


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Writer.add_representer(str, _text)


def written(value: object) -> str:
    """``value`` as a file of YAML."""
    return HEADER + yaml.dump(value, Dumper=Writer, sort_keys=False, width=WIDTH, allow_unicode=True)


def rule_file(subject: Subject) -> str:
    """One subject's groups: what is recorded, and the alerts after it."""
    groups = (("recorded", subject.recorded), ("alerts", subject.alerts))
    return written(
        {
            "groups": [
                {"name": f"freehold-{subject.name}-{name}", "rules": [one.rule() for one in content]}
                for name, content in groups
                if content
            ]
        }
    )


def files() -> Mapping[Path, str]:
    """Everything that is rendered, by its path."""
    made = {RENDERED / "rules" / f"{subject.name}.yml": rule_file(subject) for subject in rules.SUBJECTS}
    made[RENDERED / "inhibitions.yml"] = written({"inhibit_rules": [one.as_rule() for one in config.INHIBITIONS]})
    made[metrics_page.PAGE] = metrics_page.render()
    made |= {dashboards.FOLDER / name: text for name, text in dashboards.rendered().items()}
    made |= runbooks.pages()
    return made


def left_over(wanted: Mapping[Path, str]) -> set[Path]:
    """Files in the folders that hold nothing but what is rendered, and that nothing renders any more."""
    return {path for folder in ("rules", "dashboards") for path in (RENDERED / folder).glob("*")} - set(wanted)


def stale(wanted: Mapping[Path, str]) -> list[str]:
    """What differs from ``wanted``: missing, other content, or not wanted any more."""
    found = {path for path in wanted if not path.is_file() or path.read_text(encoding="utf-8") != wanted[path]}
    return sorted(str(path.relative_to(PROJECT)) for path in found | left_over(wanted))


def write(wanted: Mapping[Path, str]) -> None:
    """Bring the files in line; nothing else in their folders stays."""
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in left_over(wanted):
        path.unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 1 where ``--check`` finds something stale."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.render", allow_abbrev=False)
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 where something is stale")
    wanted = files()
    if not parser.parse_args(arguments).check:
        write(wanted)
        return 0
    old = stale(wanted)
    print("\n".join(f"stale: {path}; run: python -m monitoring.render" for path in old), file=sys.stderr)
    return bool(old)


if __name__ == "__main__":
    sys.exit(main())
