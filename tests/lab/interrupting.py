"""One node that is interrupted again and again, and what must hold of it once it has converged."""

import json
from pathlib import Path

import yaml
from testinfra.host import Host
from tests.lab import interruption
from tests.lab.interruption import Point, Started, by_hand, of_pulumi, up_words
from tests.lab.world import Document

from freehold.fleet import interrupted, pulumi_environment
from freehold.fleet.labconfig import STACK, STACK_FOLDER
from freehold.paths import PROJECT
from freehold.process import Completed, run
from freehold.status.gather import Access
from freehold.status.probe import probe

CLIENT = "interrupted"


class Interrupting:
    """One node, two configurations that differ in a tariff and a client key, and what must hold between them."""

    def __init__(self, node: Host, document: Document, access: Access, folder: Path) -> None:
        self.node, self.document, self.access, self.folder = node, document, access, folder
        self.host = document["hosts"][0]
        self.pulumi = pulumi_environment.variables(pulumi_environment.lab_folders(), lambda _: None)
        self.original = STACK_FOLDER / f"Pulumi.{STACK}.yaml"
        self.changed = self._changed()

    def _changed(self) -> Path:
        made = self.folder / self.original.name
        data = yaml.safe_load(self.original.read_text(encoding="utf-8"))
        data["config"]["fleet:prices"]["electricity_per_kwh"] += 0.01
        made.write_text(yaml.safe_dump(data), encoding="utf-8")
        words = [
            "pulumi",
            "config",
            "set",
            "--secret",
            "--path",
            f"fleet:api_keys.{CLIENT}",
            "--config-file",
            str(made),
        ]
        run([*words, "--stack", STACK, "--non-interactive"], cwd=STACK_FOLDER, env=self.pulumi, stdin="k" * 43)
        return made

    def interrupt(self, point: Point, config: Path) -> None:
        name = self.host["name"]
        while not self._start(point, config).kill(self.folder / "run.log"):
            print(f"it ended before: {point}")
            point = interruption.earlier(point)
        print(point)
        # The lock ends with the last process of the run, and nobody else's doing is needed for that.
        interruption.wait_for(lambda: interruption.free(name), lambda: f"{name} is locked after: {point}")
        if point.run == "pulumi":
            print(*self.unlock(), sep="\n")

    def _start(self, point: Point, config: Path) -> Started:
        if point.run == "pulumi":
            return of_pulumi(self.host["name"], point, config, self.pulumi)
        return by_hand(self.host["name"], point, self.folder)

    def unlock(self) -> list[str]:
        """`freehold fleet unlock`: the one documented command."""
        done = self.freehold("unlock")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    @staticmethod
    def freehold(*words: str) -> Completed:
        return run([PROJECT / ".venv/bin/freehold", "fleet", *words], check=False, timeout=60)

    def by_hand(self) -> Completed:
        words = ["-i", "inventory/lab", "--limit", self.host["name"], "playbooks/site.yml"]
        return run([PROJECT / ".venv/bin/ansible-playbook", *words], check=False, cwd=PROJECT, timeout=900)

    def up(self, config: Path) -> str:
        return run(up_words(self.host["name"], config), cwd=STACK_FOLDER, env=self.pulumi, timeout=900).stdout

    def converges(self, config: Path) -> None:
        self.up(config)
        again = self.up(config)
        assert "unchanged" in again
        assert " updated" not in again, again
        left = interrupted.look(pulumi_environment.lab_folders(), STACK)
        assert left == interrupted.Left()
        self.is_whole([CLIENT, "operator"] if config == self.changed else ["operator"])

    def is_whole(self, clients: list[str]) -> None:
        """Nothing doubled, nothing half done, everything serves."""
        node = self.node
        assert not node.file("/etc/freehold/unfinished").exists
        names = [key["name"] for key in json.loads(node.file("/etc/freehold/gateway.json").content_string)["keys"]]
        assert sorted(names) == clients
        for program in ("freehold gateway serve", "freehold.exporter", "prometheus-node-exporter"):
            assert len(node.check_output(f"pgrep -f '[/]{program}|[ ]{program}'").split()) == 1, program
        assert node.check_output("systemctl list-units --plain --no-legend --state=failed 'freehold-*'") == ""
        assert node.check_output("systemctl list-units --plain --no-legend --state=activating 'freehold-*'") == ""
        assert node.check_output("cut -d: -f1 /etc/passwd | sort | uniq -d") == ""
        assert node.check_output("sort ~freehold-ops/.ssh/authorized_keys | uniq -d") == ""
        assert node.check_output("ls /etc/apt/sources.list.d") == "freehold.sources"
        drafts = "find /etc /opt/freehold -name '.ansible_tmp*' -o -name '*.freehold-new' -o -name '.unfinished.*'"
        assert node.check_output(drafts) == ""
        chat = next(model["name"] for model in self.document["models"] if model["kind"] == "chat")
        port = self.document["gateway"]["port"]
        answer = probe(self.host["serve_address"], port, self.access.client_key, chat)
        assert answer.answered, answer.error
