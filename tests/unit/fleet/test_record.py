"""What the control host remembers: what changed, and a generation that settles after an unfinished converge."""

from __future__ import annotations

from pathlib import Path

from freehold.fleet import record
from freehold.fleet.record import Record
from freehold.paths import lab_paths

ENVIRONMENT = {
    "FREEHOLD_DIGEST_BUNDLE": "b1",
    "FREEHOLD_DIGEST_ROLE_GATEWAY": "g1",
    "FREEHOLD_GENERATION": "3",
    "HOME": "/",
}


def test_a_finished_converge_leaves_nothing_to_do(tmp_path: Path) -> None:
    record.write(tmp_path / "a" / "gpu1.json", record.of_environment(ENVIRONMENT, finished=True))
    assert record.reasons(record.read(tmp_path / "a" / "gpu1.json"), ENVIRONMENT) == []


def test_what_differs_is_named() -> None:
    last = record.of_environment(ENVIRONMENT, finished=True)
    changed = {**ENVIRONMENT, "FREEHOLD_DIGEST_BUNDLE": "b2", "FREEHOLD_DIGEST_ROLE_TLS": "t1"}
    assert record.reasons(last, changed) == ["bundle", "role_tls"]


def test_a_role_that_went_away_is_named() -> None:
    last = record.of_environment(ENVIRONMENT, finished=True)
    assert record.reasons(last, {"FREEHOLD_DIGEST_BUNDLE": "b1"}) == ["role_gateway"]


def test_a_lost_or_damaged_record_costs_a_converge_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "gpu1.json").write_text("{")
    for path in (tmp_path / "gpu1.json", tmp_path / "gone.json"):
        assert record.read(path) == Record()
        assert record.reasons(record.read(path), ENVIRONMENT) == ["never converged from here"]


def test_the_state_folder_is_the_variable_then_the_labs_then_the_users() -> None:
    assert record.state_folder("lab", {"FREEHOLD_STATE": "/s"}) == Path("/s")
    assert record.state_folder("lab", {}) == lab_paths().root
    assert record.state_folder("rack1", {"XDG_STATE_HOME": "/x"}) == Path("/x/freehold/rack1")
