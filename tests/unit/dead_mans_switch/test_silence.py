"""When the operator is told, and when not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.dead_mans_switch.conftest import REPEAT, SILENCE, Mailbox, Time, deliver

from freehold.dead_mans_switch.service import Switch

Make = Callable[..., Switch]
SILENT = "[Freehold] monitor mon1 is silent: alerts do not reach you"


def pass_and_look(switch: Switch, time: Time, seconds: float) -> None:
    time.pass_(seconds)
    switch.tick()
    deliver(switch, time)


def test_while_beats_come_nobody_is_told(switch: Make, time: Time, mailbox: Mailbox) -> None:
    made = switch()
    for _ in range(60):
        made.beat("mon1")
        pass_and_look(made, time, 60)
    assert mailbox.mails == []


def test_silence_is_told_once_then_each_hour_and_its_end_once(switch: Make, time: Time, mailbox: Mailbox) -> None:
    made = switch()
    made.beat("mon1")
    pass_and_look(made, time, SILENCE - 1)
    assert mailbox.mails == []
    pass_and_look(made, time, 1)
    pass_and_look(made, time, REPEAT - 1)
    assert mailbox.subjects == [SILENT]
    pass_and_look(made, time, 1)
    made.beat("mon1")
    made.beat("mon1")
    deliver(made, time)
    again = ["[Freehold] monitor mon1 is still silent", "[Freehold] monitor mon1 is back"]
    assert mailbox.subjects == [SILENT, *again]
    assert "It was silent for 1 h 5 min or more." in mailbox.mails[-1].get_content()


def test_a_mail_says_what_was_found_and_what_to_do(switch: Make, time: Time, mailbox: Mailbox) -> None:
    made = switch()
    made.beat("mon1")
    pass_and_look(made, time, SILENCE)
    text = mailbox.mails[0].get_content()
    assert "no beat of mon1 for 5 min 0 s or more; the last came at 2027-01-15 08:00:00 UTC" in text
    assert "docs/monitoring.md" in text
    assert "on gpu2" in text


def test_a_monitor_that_never_beats_is_silent_too(switch: Make, time: Time, mailbox: Mailbox) -> None:
    made = switch()
    pass_and_look(made, time, SILENCE)
    assert "the last came never" in mailbox.mails[0].get_content()


def test_each_monitor_is_waited_for_by_itself(switch: Make, time: Time, mailbox: Mailbox) -> None:
    made = switch(monitors=["mon1", "mon2"])
    made.beat("mon1")
    time.pass_(SILENCE - 10)
    made.beat("mon2")
    pass_and_look(made, time, 10)
    assert mailbox.subjects == [SILENT]


@pytest.mark.parametrize("step", [-86400.0, 86400.0])
def test_a_step_of_the_wall_clock_changes_nothing(switch: Make, time: Time, mailbox: Mailbox, step: float) -> None:
    made = switch()
    made.beat("mon1")
    time.wall += step
    pass_and_look(made, time, SILENCE - 1)
    assert mailbox.mails == []
    pass_and_look(made, time, 1)
    assert mailbox.subjects == [SILENT]


def test_a_restart_does_not_forget_a_silence_that_grows(switch: Make, time: Time, mailbox: Mailbox) -> None:
    switch().beat("mon1")
    time.pass_(SILENCE - 1)
    after = switch()
    pass_and_look(after, time, 0)
    assert mailbox.mails == []
    pass_and_look(after, time, 1)
    assert mailbox.subjects == [SILENT]


def test_a_restart_in_a_silence_says_nothing_twice(switch: Make, time: Time, mailbox: Mailbox) -> None:
    before = switch()
    pass_and_look(before, time, SILENCE)
    after = switch()
    pass_and_look(after, time, 10)
    assert mailbox.subjects == [SILENT]
    after.beat("mon1")
    deliver(after, time)
    assert mailbox.subjects[-1] == "[Freehold] monitor mon1 is back"


def test_what_nobody_took_before_a_restart_is_said_after_it(switch: Make, time: Time, mailbox: Mailbox) -> None:
    before = switch()
    mailbox.refuses = True
    pass_and_look(before, time, SILENCE)
    mailbox.refuses = False
    pass_and_look(switch(), time, 1)
    assert mailbox.subjects == ["[Freehold] monitor mon1 is still silent"]


def test_after_a_reboot_everybody_has_time_to_be_heard_and_silence_stays_silence(
    switch: Make, time: Time, mailbox: Mailbox
) -> None:
    before = switch(monitors=["mon1", "mon2"])
    time.pass_(SILENCE)
    before.beat("mon2")
    pass_and_look(before, time, 0)
    assert mailbox.subjects == [SILENT]
    time.monotonic, time.wall = 5.0, time.wall + 7200
    after = switch(boot="boot-2", monitors=["mon1", "mon2"])
    pass_and_look(after, time, SILENCE - 1)
    assert after.watch.heard()["mon1"].silent
    assert not after.watch.heard()["mon2"].silent
    assert mailbox.subjects == [SILENT]
    pass_and_look(after, time, 1)
    assert mailbox.subjects == [SILENT, SILENT.replace("mon1", "mon2")]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"boot": "boot-1", "monitors": {"mon1": {}}}', "[" * 100_000])
def test_a_state_that_cannot_be_read_is_said_and_waiting_begins_anew(
    switch: Make, time: Time, said: list[str], tmp_path: Path, text: str
) -> None:
    (tmp_path / "monitors.json").write_text(text)
    made = switch()
    assert "waiting begins anew" in said[0]
    assert made.watch.heard()["mon1"].since == time.monotonic


def test_a_state_that_cannot_be_written_keeps_nobody_from_being_told(
    switch: Make, time: Time, mailbox: Mailbox, said: list[str], tmp_path: Path
) -> None:
    made = switch()
    (tmp_path / "monitors.json.new").mkdir()
    pass_and_look(made, time, SILENCE)
    assert mailbox.subjects == [SILENT]
    assert any("cannot be written" in line for line in said)
