"""A hierarchy in a temporary folder, and a clock that the test turns."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pytest

from freehold.keys import authority, passphrase, sealed
from freehold.keys.files import KeysFolder
from freehold.keys.passphrase import Passphrase
from freehold.keys.roots import RootKey

SITE = "lab"
START = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


@dataclass
class Clock:
    """Says ``at``."""

    at: dt.datetime = START

    def __call__(self) -> dt.datetime:
        return self.at

    def turn(self, **by: float) -> None:
        self.at += dt.timedelta(**by)


@pytest.fixture
def real_cost() -> None:
    """For a test that looks at what the passphrase really costs."""


@pytest.fixture(autouse=True)
def cheap_passphrases(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What guessing costs an attacker, fifty tests would have to pay too."""
    if "real_cost" not in request.fixturenames:
        monkeypatch.setattr(sealed, "COST", 16)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text("correct horse battery\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def secret(secret_file: Path) -> Passphrase:
    return passphrase.from_file(secret_file)


@pytest.fixture
def root(secret: Passphrase) -> RootKey:
    return RootKey(secret)


@pytest.fixture
def folder(tmp_path: Path, secret_file: Path, clock: Clock) -> KeysFolder:
    keys = tmp_path / "keys"
    authority.ensure(keys, SITE, secret_file, now=clock)
    return KeysFolder(keys)
