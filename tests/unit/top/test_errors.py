"""An error says what, why and what to do, to people and to machines, and carries the exit code of its kind."""

import json
import subprocess
import sys

import pytest

from freehold import __version__
from freehold.errors import FreeholdErrors, IntegrityError, RefusedError, raise_all

ONE = RefusedError("PORT_TAKEN", "gpu1", "port 8080 is in use", expected="a free port", fix="choose another")
TWO = IntegrityError("DIGEST", "a.deb", "sha256 1", expected="sha256 2")


def test_the_text_answers_the_questions_and_ends_with_what_changed() -> None:
    lines = str(ONE).splitlines()
    assert lines[0] == "PORT_TAKEN gpu1"
    assert lines[-1].split(":")[1].strip() == "nothing"


def test_one_error_is_raised_as_itself_and_several_together() -> None:
    raise_all([])
    with pytest.raises(RefusedError):
        raise_all([ONE])
    with pytest.raises(FreeholdErrors) as caught:
        raise_all([ONE, TWO])
    assert caught.value.exit_code == 4
    assert [each["code"] for each in caught.value.as_json()] == ["PORT_TAKEN", "DIGEST"]


def test_the_command_ends_with_the_code_of_the_error_without_a_traceback(tmp_path: object) -> None:
    command = [sys.executable, "-m", "freehold", "status", "--document", f"{tmp_path}/none.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert done.stderr.startswith("FLEET_DOCUMENT_UNREADABLE")
    assert "Traceback" not in done.stderr
    twin = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert json.loads(twin.stdout)["errors"][0]["code"] == "FLEET_DOCUMENT_UNREADABLE"


def test_the_version_is_printed_without_a_command() -> None:
    done = subprocess.run([sys.executable, "-m", "freehold", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, __version__)
