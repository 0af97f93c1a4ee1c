"""Settings are read whole or refused, all faults together; and the program says what is missing."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.dead_mans_switch.conftest import Mailbox, document, mail, read

from freehold.dead_mans_switch import cli, settings
from freehold.dead_mans_switch.__main__ import main
from freehold.errors import FreeholdError, FreeholdErrors

HOOK = {"name": "pager", "url": "https://hook.example.org/freehold"}


def test_what_is_right_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, mail=mail(25), webhooks=[HOOK])
    assert [way.name for way in found.ways] == ["mail", "pager"]
    assert (found.patience.silence, found.patience.repeat) == (300, 3600)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "mail, webhooks"),
        ({"monitors": []}, "monitors"),
        ({"monitors": ["../x"]}, "monitors"),
        ({"silence_seconds": 1}, "silence_seconds"),
        ({"mail": mail(0)}, "smarthost"),
        ({"mail": mail(25, smarthost="mail")}, "smarthost"),
        ({"mail": mail(25, to=[])}, "from, to"),
        ({"mail": mail(25, to=["ops@example.org\nBcc: x@example.org"])}, "from, to"),
        ({"mail": mail(25, user="ops")}, "user, credential"),
        ({"mail": mail(25, user="ops", credential="x")}, "in the clear"),
        ({"mail": mail(25, user="ops", credential="../tls.key", tls="tls")}, "credential"),
        ({"mail": mail(25, tls="maybe")}, "tls"),
        ({"webhooks": [{"name": "pager", "url": "ftp://x/"}]}, "url"),
        ({"webhooks": [{"name": "pager", "url": "http://x:99999/"}]}, "url"),
        ({"webhooks": [{"name": "pager", "url": "http://x/\r\nHost: y"}]}, "url"),
        ({"webhooks": [{**HOOK, "name": "mail"}]}, "name"),
        ({"webhooks": [HOOK, HOOK]}, "twice"),
        ({"webhooks": [HOOK], "slack": "x"}, "slack"),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(tmp_path: Path, given: dict[str, Any], says: str) -> None:
    with pytest.raises((FreeholdError, FreeholdErrors), match=says):
        read(tmp_path, **given)


def test_all_faults_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(FreeholdErrors) as caught:
        read(tmp_path, monitors=[], silence_seconds=0)
    assert len(caught.value.errors) == 3


def test_a_test_is_sent_by_hand(mailbox: Mailbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "switch.json"
    file.write_text(json.dumps(document(mail=mail(mailbox.port))))
    assert main(["--config", str(file), "--credentials", str(tmp_path), "--test"]) == 0
    assert len(mailbox.mails) == 1
    assert "mail: taken" in capsys.readouterr().out


def test_a_test_that_fails_says_by_which_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "switch.json"
    file.write_text(json.dumps(document(mail=mail(1))))
    assert main(["--config", str(file), "--credentials", str(tmp_path), "--test"]) == 5
    assert "SWITCH_TEST" in capsys.readouterr().err


def test_without_its_unit_it_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    file = tmp_path / "switch.json"
    file.write_text(json.dumps(document(mail=mail(25))))
    assert main(["--config", str(file)]) == 2
    assert "SWITCH_CREDENTIALS" in capsys.readouterr().err
    assert main(["--config", str(file), "--credentials", str(tmp_path)]) == 3
    assert "TLS_KEY_MISSING" in capsys.readouterr().err


def test_the_command_goes_on_as_the_switch_by_itself(tmp_path: Path) -> None:
    words = cli.command(tmp_path / "a", tmp_path / "b", tmp_path / "c", test=True)
    assert words[1:4] == ["-P", "-m", "freehold.dead_mans_switch"]
    assert words[-3:] == ["--credentials", str(tmp_path / "c"), "--test"]
    assert settings.DAY == 86400
