"""The arms: the same forty things by different tools and settings, each a command in a folder of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.provision import desired
from tests.bench.provision.node import NAME, BareNode

from freehold.paths import PROJECT

OPERATIONS_USER = "freehold-ops"
PROJECT_FILES = Path(__file__).with_name("project")
KEPT_MODULES = "/usr/local/lib/freehold/ansible"
SITECUSTOMIZE = PROJECT / "roles/base/files/sitecustomize.py"

Tasks = Callable[[Sequence[desired.Item]], list[dict[str, Any]]]


@dataclass(frozen=True)
class Arm:
    """``settings`` are Ansible's, as environment variables; ``keeps`` sets up the kept modules of role base."""

    name: str
    config: Path | None = PROJECT / "ansible.cfg"
    tasks: Tasks = desired.tasks
    settings: Mapping[str, str] = field(default_factory=dict)
    keeps: bool = False
    pyinfra: bool = False

    def prepare(self, folder: Path, node: BareNode) -> None:
        """Write what the arm's tool reads, and put on the node what it needs there beforehand."""
        shutil.copytree(PROJECT_FILES, folder, dirs_exist_ok=True)
        items = desired.items()
        _dump(folder / "items.json", items)
        _dump(folder / "inventory.yml", {"all": {"hosts": {NAME: _connection(node)}}})
        (folder / "inventory.py").write_text(f"hosts = [({NAME!r}, {_pyinfra_connection(node)!r})]\n", encoding="utf-8")
        (folder / "ansible.cfg").write_text("[defaults]\n", encoding="ascii")
        _dump(folder / "site.yml", [_play(self, items)])
        if self.keeps:
            script = f"mkdir -p {KEPT_MODULES}\ncat > {KEPT_MODULES}/sitecustomize.py <<'END'\n"
            node.shell(f"{script}{SITECUSTOMIZE.read_text(encoding='utf-8')}END\n")

    def command(self, programs: Path) -> list[str]:
        """What is timed; ``programs`` is the bin folder of the benchmark's environment."""
        if self.pyinfra:
            return [str(programs / "pyinfra"), "--yes", "inventory.py", "deploy.py"]
        return [str(programs / "ansible-playbook"), "-i", "inventory.yml", "site.yml"]

    def environment(self, folder: Path) -> dict[str, str]:
        """The same for all arms, but for the config file and the arm's own settings."""
        return {
            "ANSIBLE_CONFIG": str(self.config or folder / "ansible.cfg"),
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml",
            "ANSIBLE_GATHERING": "implicit",
            "ANSIBLE_LIBRARY": str(folder / "library"),
            "ANSIBLE_NOCOLOR": "1",
            **{key: value.format(folder=folder) for key, value in self.settings.items()},
        }


def arms(packages: Path) -> tuple[Arm, ...]:
    """All of them; ``packages`` is the site-packages folder of the benchmark's environment."""
    caching = {
        "ANSIBLE_GATHERING": "smart",
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": "{folder}/facts",
    }
    strategies = packages / "ansible_mitogen/plugins/strategy"
    mitogen = {"ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": str(strategies)}
    return (
        Arm("ansible, its defaults", config=None),
        Arm("+ pipelining: the project's ansible.cfg"),
        Arm("+ fact caching", settings=caching),
        Arm("+ fewer, bigger tasks", tasks=desired.folded),
        Arm("+ kept modules (role base)", keeps=True),
        Arm("+ both", tasks=desired.folded, keeps=True),
        Arm("ansible with mitogen", settings=mitogen),
        Arm("pyinfra", pyinfra=True),
    )


def _play(arm: Arm, items: Sequence[desired.Item]) -> dict[str, Any]:
    # As in playbooks/site.yml: the few facts that the roles look at.
    play = {"name": "Forty", "hosts": "all", "become": True, "gather_subset": ["!all", "!min", "distribution"]}
    environment = {"environment": {"PYTHONPATH": KEPT_MODULES}} if arm.keeps else {}
    return {**play, **environment, "tasks": arm.tasks(items)}


def _connection(node: BareNode) -> dict[str, str]:
    return {
        "ansible_host": node.found.address,
        "ansible_user": OPERATIONS_USER,
        "ansible_ssh_private_key_file": str(node.private_key),
        "ansible_ssh_common_args": f"-F /dev/null -o UserKnownHostsFile={node.known_hosts} -o IdentitiesOnly=yes",
        "ansible_python_interpreter": "/usr/bin/python3",
    }


def _pyinfra_connection(node: BareNode) -> dict[str, str | bool]:
    return {
        "ssh_hostname": node.found.address,
        "ssh_user": OPERATIONS_USER,
        "ssh_key": str(node.private_key),
        "ssh_known_hosts_file": str(node.known_hosts),
        "ssh_strict_host_key_checking": "yes",
        "_sudo": True,
    }


def _dump(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")
