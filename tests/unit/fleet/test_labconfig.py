"""The lab's stack is valid, its secrets never stand in the file, in an argument or in the log, and a rerun is free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from freehold.fleet import labconfig, pulumi_environment, reading
from freehold.fleet.checks import World
from freehold.lab import frontier, postbox
from freehold.lab.engine import ENGINES
from freehold.lab.plan import numbered_plan
from freehold.paths import LabPaths
from freehold.process import Completed

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
SECRETS = {"api_keys.operator": "XSECRETX1" * 5, "digest_key": "XSECRETX2" * 5}


class Pulumi:
    """Stands for the CLI: keeps the calls and does to the stack file what it would."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "Pulumi.lab.yaml"
        self.calls: list[tuple[list[str], str | None]] = []

    def __call__(self, args: Sequence[Any], *, stdin: str | None = None, **_: Any) -> Completed:
        words = [str(word) for word in args]
        self.calls.append((words, stdin))
        held: dict[str, Any] = {}
        if self.file.exists():
            held = yaml.safe_load(self.file.read_text())
        if "select" in words:
            held.setdefault("encryptionsalt", "v1:salt")
        else:
            section, _dot, inner = words[words.index("--path") + 1].partition(".")
            sealed: dict[str, Any] = {"secure": f"v1:{len(stdin or '')}"}
            held["config"][section] = {inner: sealed} if inner else sealed
        self.file.write_text(yaml.safe_dump(held))
        return Completed(tuple(words), 0, "", "")


@pytest.fixture(params=tuple(ENGINES.values()), ids=tuple(ENGINES))
def config(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    paths = LabPaths(tmp_path_factory.mktemp("lab"))
    frontier.ensure_files(frontier.folder(paths), "10.84.0.100")
    nodes = [
        labconfig.LabNode(f"gpu{n}", f"10.83.0.1{n}", f"10.84.0.1{n}", KEY.replace("AEB", f"A{n}B")) for n in (1, 2)
    ]
    return labconfig.render(
        nodes,
        bundle_url="http://10.83.0.1:8480",
        bundle_folder=Path("/b"),
        bundle_key_file=Path("/keys/bundle.asc"),
        private_key_file=Path("/k"),
        keys_folder=Path("/pki"),
        mesh_network="10.85.0.0/24",
        models=request.param.models,
        probe_targets=["203.0.113.10:443"],
        frontier=frontier.settings(numbered_plan(1), paths, request.param.models),
        monitoring=postbox.settings(numbered_plan(1)),
    )


def configure(config: Mapping[str, Any], folder: Path, pulumi: Pulumi, secrets: Mapping[str, str] = SECRETS) -> bool:
    stamp = folder / "state" / "configured"
    return labconfig.configure_stack(config, secrets, env={"PATH": "/"}, stamp=stamp, folder=folder, runner=pulumi)


def test_the_rendered_configuration_is_valid(config: Mapping[str, Any]) -> None:
    sealed = {"fleet:credentials": {frontier.CREDENTIAL: {"secure": "v1:AAAA"}}}
    raw = reading.from_file(yaml.safe_dump({"config": {**config, **sealed}}), "Pulumi.lab.yaml")
    assert [host.name for host in reading.read(raw, World(sites={"lab"})).settings.hosts] == ["gpu1", "gpu2"]


def test_the_stack_is_made_and_its_secrets_are_sealed(config: Mapping[str, Any], tmp_path: Path) -> None:
    pulumi = Pulumi(tmp_path)
    assert configure(config, tmp_path, pulumi)
    held = yaml.safe_load(pulumi.file.read_text())
    assert held["encryptionsalt"] == "v1:salt"
    assert held["config"]["fleet:hosts"] == config["fleet:hosts"]
    assert held["config"]["fleet:digest_key"] == {"secure": "v1:45"}
    assert "XSECRETX" not in pulumi.file.read_text()


def test_secrets_go_by_standard_input_never_as_arguments(config: Mapping[str, Any], tmp_path: Path) -> None:
    pulumi = Pulumi(tmp_path)
    configure(config, tmp_path, pulumi)
    assert [stdin for _, stdin in pulumi.calls if stdin] == list(SECRETS.values())
    assert "XSECRETX" not in str([words for words, _ in pulumi.calls])


def test_a_second_time_nothing_is_run(config: Mapping[str, Any], tmp_path: Path) -> None:
    configure(config, tmp_path, Pulumi(tmp_path))
    again = Pulumi(tmp_path)
    assert not configure(config, tmp_path, again)
    assert again.calls == []


def test_a_new_key_or_an_edited_file_is_set_right(config: Mapping[str, Any], tmp_path: Path) -> None:
    pulumi = Pulumi(tmp_path)
    configure(config, tmp_path, pulumi)
    assert configure(config, tmp_path, pulumi, {**SECRETS, "digest_key": "another" * 7})
    pulumi.file.write_text(pulumi.file.read_text().replace("10.83.0.11", "10.83.0.99"))
    assert configure(config, tmp_path, pulumi)
    assert "10.83.0.99" not in pulumi.file.read_text()


def test_the_stack_file_of_a_lab_that_is_gone_is_made_anew(config: Mapping[str, Any], tmp_path: Path) -> None:
    pulumi = Pulumi(tmp_path)
    pulumi.file.write_text("encryptionsalt: v1:of-a-lost-passphrase\n")
    configure(config, tmp_path, pulumi)
    assert "of-a-lost-passphrase" not in pulumi.file.read_text()


def test_the_passphrase_is_made_once_and_private(tmp_path: Path) -> None:
    folders = pulumi_environment.PulumiFolders(tmp_path / "pulumi")
    pulumi_environment.prepare(folders)
    first = folders.passphrase.read_text()
    pulumi_environment.prepare(folders)
    assert folders.passphrase.read_text() == first
    assert len(first) == 43
    assert folders.passphrase.stat().st_mode & 0o777 == 0o600


def test_export_lines_are_for_a_shell() -> None:
    assert pulumi_environment.export_lines({"B": "it's", "A": "1"}) == "export A=1\nexport B='it'\"'\"'s'\n"
