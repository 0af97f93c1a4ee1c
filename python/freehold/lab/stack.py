"""The lab's Pulumi stack: where its state and secrets lie, and running Pulumi on it with progress."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.errors import PartialError
from freehold.fleet import document as documents
from freehold.fleet import interrupted, labconfig, state_backup_restore
from freehold.fleet.pulumi_environment import PulumiFolders, lab_folders, new_secret, prepare
from freehold.fleet.state_backup_copies import Place
from freehold.keys import authority
from freehold.lab import frontier, postbox, web
from freehold.lab.engine import lab_engine
from freehold.lab.node import LabNode
from freehold.lab.plan import Plan
from freehold.paths import LabPaths, lab_paths
from freehold.process import run
from freehold.steps import Report
from freehold.toolchain import Toolchain, ensure_pulumi

LOOK_SECONDS = 0.5
TAIL_LINES = 40
COUNT = re.compile(r"(\d+) (created|updated|replaced|deleted|unchanged|errored)")


@dataclass(frozen=True)
class LabStack:
    """A Pulumi that is ready to run on the lab's stack."""

    toolchain: Toolchain
    environment: Mapping[str, str]
    folders: PulumiFolders
    logs: Path


def open_stack(report: Report) -> LabStack:
    """Find or build Pulumi and make the folders and the passphrase of the lab's stack."""
    folders = lab_folders()
    prepare(folders)
    toolchain = ensure_pulumi(report, home=folders.home)
    environment = toolchain.environment(backend=folders.backend, passphrase_file=folders.passphrase)
    return LabStack(toolchain, environment, folders, lab_paths().logs)


def kept_secret(path: Path) -> str:
    """Return a secret of the lab's, made and kept (mode 0600) the first time."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(f"fh-{new_secret()}")
    return path.read_text(encoding="ascii").strip()


def configure(stack: LabStack, nodes: Sequence[LabNode], plan: Plan) -> None:
    """Make ``Pulumi.lab.yaml`` say what was raised, with its secrets encrypted."""
    paths = lab_paths()
    kept_secret(paths.secrets / "root-passphrase")
    authority.ensure(paths.keys, labconfig.STACK, paths.secrets / "root-passphrase")
    config = labconfig.render(
        [labconfig.LabNode(one.name, str(one.address), str(one.serve_address), one.host_key) for one in nodes],
        bundle_url=web.url(plan),
        bundle_folder=paths.bundle,
        bundle_key_file=paths.root / "keys" / "bundle.asc",
        private_key_file=paths.ssh / "id_ed25519",
        keys_folder=paths.keys,
        mesh_network=str(plan.mesh),
        models=lab_engine().models,
        probe_targets=[f"{plan.internet}:443"],
        frontier=frontier.settings(plan, paths, lab_engine().models),
        monitoring=postbox.settings(plan),
    )
    sealed = {
        "api_keys.operator": kept_secret(paths.secrets / "operator-key"),
        f"credentials.{frontier.CREDENTIAL}": provider_key(paths).read_text(encoding="ascii").strip(),
        "digest_key": _digest_key(paths),
    }
    labconfig.configure_stack(config, sealed, env=stack.environment, stamp=stack.folders.stamp)


def provider_key(paths: LabPaths) -> Path:
    """The file with what the stand-in for a frontier provider takes for a key."""
    path = paths.secrets / "stand-in-credential"
    kept_secret(path)
    return path


def _digest_key(paths: LabPaths) -> str:
    return kept_secret(paths.secrets / "digest-key")


def mend(stack: LabStack) -> list[str]:
    """Put right what an interrupted run, or an accident to the state, left, and say so; before Pulumi begins anew."""
    where: dict[str, Any] = {"env": stack.environment, "cwd": labconfig.STACK_FOLDER}
    place = Place(stack.folders.backend, labconfig.STACK)
    return [*state_backup_restore.mend(place, **where), *interrupted.mend(stack.folders, labconfig.STACK, **where)]


def up(stack: LabStack, report: Report) -> str:
    """Run the real ``pulumi up``; the report shows which node is at which task. Returns Pulumi's summary."""
    log = stack.logs / "pulumi-up.log"
    log.unlink(missing_ok=True)
    words = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--color", "never"]
    with watched(stack.logs, report):
        done = run(words, cwd=labconfig.STACK_FOLDER, env=stack.environment, check=False, log=log)
    text = log.read_text(encoding="utf-8", errors="replace")
    if done.returncode != 0:
        raise PartialError(
            "PULUMI_UP_FAILED",
            f"stack {labconfig.STACK}",
            _diagnostics(text),
            expected="every resource created or unchanged",
            fix=f"read {log} and the logs beside it, mend the cause, and run `make up` again: it goes on from there",
            changed="the resources that the log lists",
        )
    return summary(text)


def export(stack: LabStack) -> None:
    """Write the stack's output ``document`` where the inventory and `freehold status` read it."""
    words = ["pulumi", "stack", "output", "document", "--json"]
    text = run(words, cwd=labconfig.STACK_FOLDER, env=stack.environment).stdout
    documents.export(documents.parse(text, "stack output document"), lab_paths().export)


def summary(text: str) -> str:
    """Return the counts of Pulumi's closing lines, such as ``4 created, 1 unchanged``."""
    _, _, closing = text.rpartition("Resources:")
    return ", ".join(f"{count} {what}" for count, what in COUNT.findall(closing))


def _diagnostics(text: str) -> str:
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith("Diagnostics:")), 0)
    return "\n            ".join(line for line in lines[start : start + TAIL_LINES] if line.strip())


@contextmanager
def watched(logs: Path, report: Report) -> Iterator[None]:
    """Report each node's current task while the body runs; converge writes them to ``converge-NODE.task``."""
    ended = threading.Event()

    def look() -> None:
        shown: dict[str, str] = {}
        while not ended.wait(LOOK_SECONDS):
            for path in sorted(logs.glob("converge-*.task")):
                node, task = path.stem.removeprefix("converge-"), last_line(path)
                if task and shown.get(node) != task:
                    shown[node] = task
                    report(f"{node}: {task}")

    for old in logs.glob("converge-*.task"):
        old.unlink()
    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def last_line(path: Path) -> str:
    """Return the last line of a file that another process writes; empty where there is none yet."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return lines[-1].strip() if lines else ""
