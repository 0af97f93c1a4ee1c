"""What Pulumi's state holds, and the number of the next converge that follows from it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from freehold.drift.probe import Item, Probe
from freehold.fleet import held
from freehold.fleet.record import Record

URN = "urn:pulumi:lab::fleet::freehold:fleet:InferenceNode$command:local:Command::gpu1-converge"
STATE = {
    "checkpoint": {
        "latest": {
            "resources": [
                {"urn": "urn:pulumi:lab::fleet::pulumi:pulumi:Stack::fleet-lab"},
                {
                    "urn": URN,
                    "inputs": {"environment": {"FREEHOLD_DIGEST_HOST": "aa", "FREEHOLD_GENERATION": "3", "odd": None}},
                },
            ]
        }
    }
}


def backend(folder: Path, content: bytes, name: str = "lab.json") -> dict[str, str]:
    place = folder / ".pulumi" / "stacks" / "fleet" / name
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    return {"PULUMI_BACKEND_URL": f"file://{folder}"}


def test_the_last_converge_is_read_from_the_state(tmp_path: Path) -> None:
    found = held.read("lab", backend(tmp_path, json.dumps(STATE).encode()))
    assert found is not None
    assert found.converged("gpu1") == Record(3, finished=True, digests={"HOST": "aa"})
    assert found.converged("gpu2") is None


def test_a_packed_state_is_read_too(tmp_path: Path) -> None:
    given = backend(tmp_path, gzip.compress(json.dumps(STATE).encode()), "lab.json.gz")
    found = held.read("lab", given)
    assert found is not None
    assert set(found.resources) == {"fleet-lab", "gpu1-converge"}


@pytest.mark.parametrize("content", [b"", b"{", b"not json"])
def test_a_state_that_cannot_be_read_is_unknown_not_empty(tmp_path: Path, content: bytes) -> None:
    assert held.read("lab", backend(tmp_path, content)) is None


def test_no_file_and_no_folder_are_unknown_too(tmp_path: Path) -> None:
    assert held.read("lab", {"PULUMI_BACKEND_URL": f"file://{tmp_path}"}) is None
    assert held.read("lab", {"PULUMI_BACKEND_URL": "s3://bucket"}) is None
    assert held.read("lab", {}) is None


STATED, DONE, CUT_OFF = Record(3), Record(3), Record(3, finished=False)
CLEAN = Probe(reachable=True, generation=3, baseline=True)
DRIFTED = Probe(reachable=True, generation=4, baseline=True, items=(Item("file", "/x", "a", "b"),))
LOST = Probe(reachable=True, generation=0)
SILENT = Probe(reachable=False)


@pytest.mark.parametrize(
    ("state", "local", "found", "expected"),
    [
        (STATED, DONE, CLEAN, 3),
        (STATED, DONE, DRIFTED, 4),
        (STATED, DONE, LOST, 4),
        (STATED, DONE, SILENT, 3),
        (STATED, DONE, None, 3),
        (STATED, CUT_OFF, CLEAN, 4),
        (STATED, CUT_OFF, None, 4),
        (STATED, Record(), CLEAN, 3),
        (STATED, Record(0), SILENT, 3),
        (None, DONE, CLEAN, 3),
        (None, Record(), None, 0),
        (STATED, DONE, Probe(reachable=True, generation=7, baseline=True), 7),
    ],
)
def test_the_number_differs_from_the_states_exactly_when_a_converge_is_due(
    state: Record | None, local: Record, found: Probe | None, expected: int
) -> None:
    assert held.next_generation(state, local, found) == expected
