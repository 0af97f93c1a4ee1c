"""`make up`: toolchain, bundle, lab, `pulumi up`, and the first answer; each step is quick when nothing is to do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text

from freehold.bundle import build
from freehold.cost.token_cost import MINIMUM_WINDOW_SECONDS
from freehold.errors import PartialError
from freehold.fleet.endpoint import endpoint
from freehold.lab import frontier, mesh, postbox, preflight, raise_, stack, stamp, web
from freehold.lab.engine import lab_engine
from freehold.lab.lock import lab_lock
from freehold.lab.node import LabNode
from freehold.lab.world import Lab, open_lab
from freehold.paths import lab_paths
from freehold.process import run
from freehold.status import gather
from freehold.status.cli import report_on, show
from freehold.status.probe import PROMPT, ProbeResult, probe
from freehold.steps import Report, Step, Took, run_steps

FLEET = "gpu"  # other nodes of a lab belong to whoever raised them: a test of a single role, say
DEFAULT_NODES = (f"{FLEET}1", f"{FLEET}2")
WINDOW_SECONDS = MINIMUM_WINDOW_SECONDS + 6  # the exporter's sample may be 5 s old
TIMINGS = "timings.json"
"""How long each step of the last `make up` took, for `make bench`."""


@dataclass
class Raising:
    """One run of `make up`: what a step made, for the steps after it."""

    lab: Lab
    names: Sequence[str]
    exactly: bool = False
    """Whether other nodes of the fleet are to be removed."""
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
            Step("Private plane: this machine's end", self.raise_mesh),
            Step("First answers, long enough to count energy", first_answers),
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
        info = build(paths.bundle, paths.root / "keys", report, sets=lab_engine().sets)
        state = "rebuilt " + ", ".join(info.rebuilt) if info.changed else "up to date"
        return f"{state}; {info.files} files, {info.bytes / 1e6:.0f} MB, serial {info.serial}"

    def raise_lab(self, report: Report) -> str:
        """Networks, the bundle's web server, the operator's mailbox, what stands for a frontier provider, nodes."""
        networks = raise_.raise_network(self.lab, report)
        web.raise_web(self.lab, report)
        postbox.raise_postbox(self.lab, report)
        frontier.raise_provider(self.lab, stack.provider_key(self.lab.paths), report)
        nodes = raise_.raise_nodes(self.lab, self.names, report)
        return f"{networks}; {nodes}"

    def pulumi_up(self, report: Report) -> str:
        """Configure the stack from what was raised, and run the real Pulumi."""
        assert self.stack is not None  # noqa: S101  the toolchain step came before
        raised = [node for node in raise_.nodes(self.lab) if node.name.startswith(FLEET)]
        fleet = [node for node in raised if node.name in self.names or not self.exactly]
        mended = stack.mend(self.stack)
        stack.configure(self.stack, fleet, self.lab.plan)
        result = stack.up(self.stack, report)
        stack.export(self.stack)
        stamp.write(lab_paths())
        return "; ".join([*mended, result, *self._remove(set(raised) - set(fleet))])

    def _remove(self, nodes: Collection[LabNode]) -> list[str]:
        """Switch off what the stack has given up."""
        for node in nodes:
            raise_.remove_node(self.lab, node.name)
        return [f"{node.name} is off and gone" for node in nodes]

    def raise_mesh(self, report: Report) -> str:
        """The control host joins the nodes' mesh."""
        report(self.lab.plan.mesh_interface)
        document = gather.load_document(lab_paths().export / "fleet.json")
        return mesh.raise_mesh(self.lab, document, lab_paths().keys)


def names_of(count: int) -> list[str]:
    """Names of a fleet of ``count`` nodes."""
    return [f"{FLEET}{number}" for number in range(1, count + 1)]


def up(names: Sequence[str] = DEFAULT_NODES, console: Console | None = None, *, exactly: bool = False) -> list[Took]:
    """Raise and converge the lab, show where it answers and its status; ``exactly`` removes the fleet's other nodes."""
    shown = console or Console()
    lab = open_lab()
    lab.paths.root.mkdir(parents=True, exist_ok=True)
    with lab_lock(lab.paths.root):
        took = run_steps(Raising(lab, names, exactly).steps(), shown)
        (lab.paths.root / TIMINGS).write_text(json.dumps([asdict(one) for one in took]), encoding="utf-8")
    total = sum(one.seconds for one in took)
    shown.print(Text(f"   together {total:48.1f} s"))
    greet(shown)
    return took


def first_answers(report: Report, clock: Callable[[], float] = time.monotonic) -> str:
    """Ask the endpoint as a client does until the energy counter's window is long enough; the last answer counts."""
    document, key = gather.load_document(lab_paths().export / "fleet.json"), client_key()
    host, chat = document["hosts"][0], chat_model(document)
    # The first status begins the window; where one was begun before, a single answer is proof enough.
    window = report_on(document, lab_paths().export, run)["energy_and_cost"]["window_seconds"]
    until = clock() + (0 if window >= MINIMUM_WINDOW_SECONDS else WINDOW_SECONDS)
    answers: list[ProbeResult] = []
    while not answers or (answers[-1].answered and clock() < until):
        answers.append(probe(host["serve_address"], document["gateway"]["port"], key, chat))
        report(f"answer {len(answers)} to “{PROMPT}”: {answers[-1].text}")
    last = answers[-1]
    if not last.answered:
        raise PartialError(
            "ENDPOINT_SILENT",
            last.endpoint,
            last.error,
            expected="an answer with text",
            fix="read `freehold status` and, on the node, `journalctl -u freehold-gateway -u 'freehold-runtime@*'`",
            changed="everything is provisioned",
        )
    return f"{len(answers)} answers, first token after {last.first_token_seconds:.2f} s"


def client_key() -> str:
    """Return the key that `make up` prints."""
    return stack.kept_secret(lab_paths().secrets / "operator-key")


def chat_model(document: dict[str, Any]) -> str:
    """Return the name of the first model that chats."""
    return str(next(model["name"] for model in document["models"] if model["kind"] == "chat"))


def greet(console: Console) -> None:
    """Print the endpoint, the key, a curl line and a Python snippet that work as pasted, and the status."""
    document = gather.load_document(lab_paths().export / "fleet.json")
    host, chat, key = document["hosts"][0], chat_model(document), client_key()
    address = endpoint(host, document["gateway"]["port"])
    console.print(Text(WELCOME.format(endpoint=address, key=key, model=chat)), soft_wrap=True)
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
