"""`make up`: toolchain, bundle, lab, `pulumi up`, and the first answer; each step is quick when nothing is to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.text import Text

from freehold.bundle import build
from freehold.lab import outside, preflight, raise_, stack, stamp, web
from freehold.lab.lock import lab_lock
from freehold.lab.world import Lab, open_lab
from freehold.paths import lab_paths
from freehold.process import run
from freehold.status import gather
from freehold.status.cli import report_on, show
from freehold.steps import Report, Step, Took, run_steps

DEFAULT_NODES = ("gpu1",)
TIMINGS = "timings.json"
"""How long each step of the last `make up` took, for `make bench`."""


@dataclass
class Raising:
    """One run of `make up`: what a step made, for the steps after it."""

    lab: Lab
    names: Sequence[str]
    stack: stack.LabStack | None = None
    bundle_url: str = field(default="")

    def steps(self) -> list[Step]:
        """Return the table of contents."""
        return [
            Step("Machine", self.check),
            Step("Toolchain: Pulumi and its plugin", self.toolchain),
            Step("Bundle: packages, wheels, weights, signed", self.bundle),
            Step("Lab: networks and nodes (simulated GPUs)", self.raise_lab),
            Step("pulumi up: stack lab", self.pulumi_up),
        ]

    def check(self, report: Report) -> str:
        """Refuse a machine on which the lab cannot be, before anything changes."""
        report("kernel, memory, disk, addresses")
        preflight.check_machine()
        preflight.check_programs()
        return "fit for the lab"

    def toolchain(self, report: Report) -> str:
        """Find or build Pulumi."""
        self.stack = stack.open_stack(report)
        return self.stack.toolchain.describe()

    def bundle(self, report: Report) -> str:
        """Build what changed of the bundle."""
        paths = lab_paths()
        info = build(paths.bundle, paths.root / "keys", report)
        state = "rebuilt " + ", ".join(info.rebuilt) if info.changed else "up to date"
        return f"{state}; {info.files} files, {info.bytes / 1e6:.0f} MB, serial {info.serial}"

    def raise_lab(self, report: Report) -> str:
        """Networks, the bundle's web server, nodes."""
        networks = raise_.raise_network(self.lab, report)
        web.raise_web(self.lab, report)
        outside.raise_internet(self.lab, report)
        nodes = raise_.raise_nodes(self.lab, self.names, report)
        return f"{networks}; {nodes}"

    def pulumi_up(self, report: Report) -> str:
        """Configure the stack from what was raised, and run the real Pulumi."""
        assert self.stack is not None  # noqa: S101  the toolchain step came before
        stack.configure(self.stack, raise_.nodes(self.lab), web.url(self.lab.plan))
        result = stack.up(self.stack, report)
        stack.export(self.stack)
        stamp.write(lab_paths())
        return result


def up(names: Sequence[str] = DEFAULT_NODES, console: Console | None = None) -> list[Took]:
    """Raise and converge the lab, show where it answers and its status."""
    shown = console or Console()
    lab = open_lab()
    lab.paths.root.mkdir(parents=True, exist_ok=True)
    with lab_lock(lab.paths.root):
        took = run_steps(Raising(lab, names).steps(), shown)
        (lab.paths.root / TIMINGS).write_text(json.dumps([asdict(one) for one in took]), encoding="utf-8")
    total = sum(one.seconds for one in took)
    shown.print(Text(f"   together {total:48.1f} s"))
    greet(shown)
    return took


def greet(console: Console) -> None:
    """Print the endpoint, the key, a curl line and a Python snippet that work as pasted, and the status."""
    document = gather.load_document(lab_paths().export / "fleet.json")
    host, chat = document["hosts"][0], next(m["name"] for m in document["models"] if m["kind"] == "chat")
    endpoint = f"http://{host['serve_address']}:{document['gateway']['port']}/v1"
    key = stack.client_key(lab_paths().secrets / "operator-key")
    console.print(Text(WELCOME.format(endpoint=endpoint, key=key, model=chat)), soft_wrap=True)
    show(report_on(document, lab_paths().export, run), as_json=False)


WELCOME = """
endpoint  {endpoint}
key       {key}

curl -s {endpoint}/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \
-d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Who owns a freehold?"}}], "max_tokens": 32}}'

.venv/bin/python - <<'END'
from openai import OpenAI
client = OpenAI(base_url="{endpoint}", api_key="{key}")
answer = client.chat.completions.create(
    model="{model}", messages=[{{"role": "user", "content": "Who owns a freehold?"}}], max_tokens=32)
print(answer.choices[0].message.content)
END
"""
