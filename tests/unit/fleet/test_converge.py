"""A converge runs the right playbook on one host, prints a small recap, and explains a failure."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import LockedError, PartialError, RefusedError
from freehold.fleet import converge, lock, record, roll
from freehold.fleet import document as documents
from freehold.fleet.playbook_run import Ended, Files

DIGESTS = {"FREEHOLD_DIGEST_BUNDLE": "b1", "FREEHOLD_GENERATION": "2"}
COUNTS = {"ok": 40, "changed": 3, "failures": 0, "unreachable": 0, "skipped": 1}
WELL = Ended(0, {"hosts": {"gpu1": COUNTS}, "failures": []})


class Recorded:
    """Stands for ansible-playbook; keeps what it was asked and what it could see."""

    def __init__(self, ended: Ended = WELL) -> None:
        self.ended, self.words, self.env, self.seen = ended, [""], {"": ""}, ""

    def __call__(
        self, words: Sequence[str], files: Files, *, cwd: Path, env: Mapping[str, str], keep_open: Any, secrets: Any
    ) -> Ended:
        del files, cwd, keep_open
        self.redacted = secrets
        self.words, self.env = list(words), dict(env)
        self.seen = Path(env["FREEHOLD_FLEET_DOCUMENT"]).read_text()
        return self.ended


@pytest.fixture
def request_(document: dict[str, Any], tmp_path: Path) -> converge.Request:
    return converge.Request("gpu1", document, tmp_path / "state", project=tmp_path / "tree")


def test_one_host_is_converged_with_its_own_document(request_: converge.Request) -> None:
    run = Recorded()
    recap = converge.converge(request_, environment=DIGESTS, run=run)
    assert run.words[1:] == [
        "-i",
        str(request_.project / "inventory" / "example"),
        "--limit",
        "gpu1",
        str(request_.project / "playbooks" / "site.yml"),
    ]
    assert Path(run.words[0]).parent == Path(sys.executable).parent
    assert json.loads(run.seen) == request_.document
    assert run.env["ANSIBLE_CONFIG"] == str(request_.project / "ansible.cfg")
    assert recap["log"] == str(request_.state / "logs" / "converge-gpu1.log")
    assert {key: recap[key] for key in ("host", "action", "ok", "changed", "failed")} == {
        "host": "gpu1",
        "action": "converge",
        "ok": 40,
        "changed": 3,
        "failed": 0,
    }


def test_the_run_folder_is_private_and_goes_away(request_: converge.Request) -> None:
    class Looking(Recorded):
        def __call__(self, *args: Any, **kwargs: Any) -> Ended:
            assert request_.folder.stat().st_mode & 0o777 == 0o700
            return super().__call__(*args, **kwargs)

    converge.converge(request_, environment={}, run=Looking())
    assert not request_.folder.exists()


def test_success_is_remembered_with_its_digests(request_: converge.Request) -> None:
    converge.converge(request_, environment=DIGESTS, run=Recorded())
    assert record.read(request_.record) == record.Record(2, finished=True, digests={"BUNDLE": "b1"})


def test_a_failure_within_the_rolls_limit_ends_well_and_is_on_record(request_: converge.Request) -> None:
    ledger = roll.Ledger.of(request_.state, request_.document["stack"])
    ledger.begin(1)
    recap = converge.converge(request_, environment=DIGESTS, run=Recorded(FAILED))
    assert (recap["host"], recap["failed"]) == ("gpu1", 1)
    assert not record.read(request_.record).finished
    assert [failure["host"] for failure in ledger.finish()] == ["gpu1"]


def test_a_stopped_roll_leaves_the_next_host_untouched(request_: converge.Request) -> None:
    ledger = roll.Ledger.of(request_.state, request_.document["stack"])
    ledger.begin(0)
    ledger.tolerates("gpu0", "broken")
    run = Recorded()
    with pytest.raises(RefusedError, match="ROLL_STOPPED"):
        converge.converge(request_, environment=DIGESTS, run=run)
    assert run.words == [""]


def test_introducing_peers_runs_their_playbook_and_leaves_the_record(request_: converge.Request) -> None:
    converge.converge(request_, environment=DIGESTS, run=Recorded())
    before, run = record.read(request_.record), Recorded()
    converge.converge(dataclasses.replace(request_, purpose=documents.PEERS), environment={}, run=run)
    assert run.words[-1].endswith("playbooks/peers.yml")
    assert record.read(request_.record) == before


def test_a_host_that_is_gone_for_good_is_forgotten_without_dialling(request_: converge.Request) -> None:
    converge.converge(request_, environment=DIGESTS, run=Recorded())
    run, gone = Recorded(), dataclasses.replace(request_, purpose=documents.REMOVE)
    assert converge.converge(gone, environment={"FREEHOLD_FORGET": "gpu0,gpu1"}, run=run)["action"] == "forget"
    assert run.words == [""]
    assert not request_.record.exists()


FAILED = Ended(2, {"hosts": {"gpu1": {**COUNTS, "failures": 1}}, "failures": [
    {"host": "gpu1", "task": "gateway : Install", "message": "No package\nE: broken"}]})  # fmt: skip


def test_a_failure_names_task_message_and_log(request_: converge.Request) -> None:
    with pytest.raises(PartialError) as caught:
        converge.converge(request_, environment=DIGESTS, run=Recorded(FAILED))
    assert caught.value.code == "CONVERGE_FAILED"
    assert "task: gateway : Install" in caught.value.found
    assert "E: broken" in caught.value.found
    assert str(request_.files.log) in caught.value.fix
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("ended", [FAILED, Ended(1, None), Ended(0, {"hosts": {}, "failures": []})])
def test_what_did_not_end_well_makes_the_next_generation(request_: converge.Request, ended: Ended) -> None:
    with pytest.raises(PartialError):
        converge.converge(request_, environment=DIGESTS, run=Recorded(ended))
    assert not record.read(request_.record).finished


def test_an_unreachable_host_is_called_so(request_: converge.Request) -> None:
    ended = Ended(4, {"hosts": {"gpu1": COUNTS}, "failures": [{"host": "gpu1", "task": "x", "message": "timed out"}]})
    with pytest.raises(PartialError, match="HOST_UNREACHABLE"):
        converge.converge(request_, environment={}, run=Recorded(ended))


def test_remove_runs_its_own_playbook_and_forgets_the_host(request_: converge.Request) -> None:
    converge.converge(request_, environment=DIGESTS, run=Recorded())
    run = Recorded()
    removing = converge.Request(
        "gpu1", request_.document, request_.state, purpose=documents.REMOVE, project=request_.project
    )
    assert converge.converge(removing, environment=DIGESTS, run=run)["action"] == "remove"
    assert run.words[-1].endswith("playbooks/remove.yml")
    assert "--extra-vars" not in run.words
    assert not request_.record.exists()


def test_weights_go_only_when_asked(request_: converge.Request) -> None:
    run = Recorded()
    purging = converge.Request("gpu1", request_.document, request_.state, purpose=documents.REMOVE, purge=True)
    converge.converge(purging, environment={}, run=run)
    assert '{"freehold_purge": true}' in run.words


def test_a_second_converge_of_the_host_is_refused_and_runs_nothing(request_: converge.Request) -> None:
    run = Recorded()
    with lock.held(request_.state, "gpu1", "converge"), pytest.raises(LockedError):
        converge.converge(request_, environment=DIGESTS, run=run)
    assert run.seen == ""
    assert not request_.record.exists()


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FREEHOLD_STATE", str(tmp_path))
    monkeypatch.delenv("FREEHOLD_FLEET_DOCUMENT", raising=False)
    return tmp_path


def parsed(words: Sequence[str], text: str) -> converge.Request:
    return converge._request(converge._options(words), io.StringIO(text))


def test_purge_counts_only_with_remove(document: dict[str, Any], state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(document)
    assert parsed(["--host", "gpu1", "--remove", "--purge"], text).purge
    assert not parsed(["--host", "gpu1", "--purge"], text).purge
    monkeypatch.setenv("FREEHOLD_PURGE", "yes")
    assert parsed(["--host", "gpu1", "--remove"], text).purge
    assert not parsed(["--host", "gpu1"], text).purge
    assert parsed(["--host", "gpu1"], text).state == state


def test_the_document_may_come_from_a_file(
    document: dict[str, Any], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (state / "fleet.json").write_text(json.dumps(document))
    monkeypatch.setenv("FREEHOLD_FLEET_DOCUMENT", str(state / "fleet.json"))
    assert parsed(["--host", "gpu2"], "").host == "gpu2"


@pytest.mark.parametrize(
    ("words", "text", "code"),
    [(["--host", "gpu1"], "", "DOCUMENT_MISSING"), (["--host", "gpu1"], "{}", "DOCUMENT_REFUSED")],
)
@pytest.mark.usefixtures("state")
def test_errors_go_to_standard_error_with_their_exit_code(
    words: list[str], text: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert converge.main(words, stdin=io.StringIO(text)) in {2, 3}
    printed = capsys.readouterr()
    assert printed.err.startswith(code)
    assert printed.out == ""


@pytest.mark.usefixtures("state")
def test_a_host_that_the_document_lacks_is_refused(
    document: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert converge.main(["--host", "gpu9"], stdin=io.StringIO(json.dumps(document))) == 2
    assert "HOST_UNKNOWN gpu9" in capsys.readouterr().err


@pytest.mark.usefixtures("state")
def test_only_the_recap_is_printed(
    document: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converge.converge, "__kwdefaults__", {"environment": {}, "run": Recorded()})
    assert converge.main(["--host", "gpu1"], stdin=io.StringIO(json.dumps(document))) == 0
    assert json.loads(capsys.readouterr().out)["ok"] == 40


def test_a_server_that_was_renamed_is_not_taken_down(document: dict[str, Any], state: Path) -> None:
    renamed = copy.deepcopy(document)
    renamed["hosts"][0]["name"] = "node1"
    documents.export(renamed, state / "export")
    with pytest.raises(RefusedError, match="HOST_RENAMED"):
        converge.refuse_renamed(converge.Request("gpu1", document, state, purpose=documents.REMOVE))
    renamed["hosts"] = renamed["hosts"][1:]
    documents.export(renamed, state / "export")
    converge.refuse_renamed(converge.Request("gpu1", document, state, purpose=documents.REMOVE))
