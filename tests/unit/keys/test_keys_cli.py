"""The commands as a user types them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests import command

from freehold.keys import certificates

from .asking import request

Freehold = Callable[..., tuple[int, str]]


@pytest.fixture
def freehold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Freehold:
    """Run `freehold keys …` on a folder of the test; exit status, and what it printed."""

    def run(*words: str, folder: bool = True) -> tuple[int, str]:
        where = ["--folder", str(tmp_path / "pki")] if folder else []
        code = command.typed(monkeypatch, "keys", *words, *where)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


@pytest.fixture
def made(freehold: Freehold, secret_file: Path) -> Freehold:
    assert freehold("init", "--site", "lab", "--passphrase-file", str(secret_file))[0] == 0
    return freehold


def as_json(answer: tuple[int, str]) -> Any:
    assert answer[0] == 0, answer[1]
    return json.loads(answer[1])


def test_a_dry_run_makes_nothing(freehold: Freehold, tmp_path: Path) -> None:
    assert "would_make" in as_json(freehold("init", "--site", "lab", "--dry-run", "--json"))
    assert not (tmp_path / "pki").exists()


def test_without_a_terminal_and_without_a_file_the_passphrase_is_a_clear_error(freehold: Freehold) -> None:
    code, said = freehold("init", "--site", "lab")
    assert (code, "--passphrase-file" in said) == (3, True)


def test_a_second_init_is_refused_with_the_way_on(made: Freehold, secret_file: Path) -> None:
    code, said = made("init", "--site", "lab", "--passphrase-file", str(secret_file))
    assert (code, "KEYS_EXIST" in said, "freehold keys rotate" in said) == (3, True, True)


def test_show_names_everything_and_no_secret(made: Freehold) -> None:
    shown = as_json(made("show", "--json"))
    assert (shown["site"], shown["root_key_here"]) == ("lab", True)
    assert [row["use"] for row in shown["certificates"]] == [
        "root",
        "issuing",
        "signing/bundle",
        "signing/acceptance",
        "signing/evidence",
        "signing/weights",
    ]
    assert "PRIVATE" not in json.dumps(shown)
    assert "issuing" in made("show")[1]


def test_a_node_is_signed_as_role_tls_asks(made: Freehold, tmp_path: Path) -> None:
    key = certificates.new_tls_key()
    (tmp_path / "asked").write_text(request(key))
    words = ["sign", "gpu1", "--request", str(tmp_path / "asked"), "--site", "lab", "--address", "10.85.0.11", "--json"]
    assert as_json(made(*words, "--dry-run"))["status"] == "due"
    signed = as_json(made(*words))
    assert signed["status"] == "issued"
    assert signed["chain"].count("BEGIN CERTIFICATE") == 2
    assert signed["crl"].count("BEGIN X509 CRL") == 2
    (tmp_path / "asked").write_text(request(key) + signed["chain"])
    assert as_json(made(*words))["status"] == "current"


def test_another_site_and_a_clock_an_hour_off_are_refused_together(made: Freehold, tmp_path: Path) -> None:
    (tmp_path / "asked").write_text("")
    words = [
        "sign",
        "gpu1",
        "--request",
        str(tmp_path / "asked"),
        "--site",
        "other",
        "--node-clock",
        "1000",
        "--dry-run",
    ]
    code, said = made(*words)
    assert code == 3
    assert "KEYS_SITE" in said
    assert "KEYS_CLOCK gpu1" in said
    assert "behind this host's" in said


def test_a_client_is_issued_renewed_and_revoked(made: Freehold, tmp_path: Path) -> None:
    out = tmp_path / "prometheus"
    words = ["issue", "prometheus", "--kind", "monitor", "--out", str(out), "--json"]
    assert as_json(made(*words))["status"] == "issued"
    assert as_json(made(*words))["status"] == "current"
    assert (out / "tls.key").stat().st_mode & 0o077 == 0
    assert as_json(made("revoke", "prometheus", "--dry-run", "--json"))["would_revoke"]
    assert as_json(made("revoke", "prometheus", "--json"))["uris"] == ["freehold://lab/monitor/prometheus"]
    code, said = made(*words)
    assert (code, "KEYS_KEY_REVOKED" in said) == (3, True)


def test_an_unknown_name_is_answered_with_the_known_ones(made: Freehold) -> None:
    code, said = made("revoke", "gpu7")
    assert (code, "KEYS_NONE_SUCH" in said) == (2, True)


def test_the_root_goes_and_is_asked_for_when_it_is_needed(made: Freehold, secret_file: Path, tmp_path: Path) -> None:
    medium, secret = str(tmp_path / "root.pem"), ["--passphrase-file", str(secret_file)]
    assert as_json(made("root", "export", medium, "--remove", "--same-disk", "--json", *secret))["removed_here"]
    code, said = made("rotate", "issuing", *secret)
    assert (code, "KEYS_ROOT_AWAY" in said, "--root FILE" in said) == (3, True, True)
    assert as_json(made("rotate", "issuing", "--root", medium, "--json", *secret))["rotated"] == "issuing"
    assert as_json(made("root", "import", medium, "--json", *secret))["root"]


def test_between_two_roots_both_are_given(made: Freehold, secret_file: Path, tmp_path: Path) -> None:
    secret, media = ["--passphrase-file", str(secret_file)], [str(tmp_path / name) for name in ("old.pem", "new.pem")]
    for medium in media:
        as_json(made("root", "export", medium, "--remove", "--same-disk", "--json", *secret))
        as_json(made("rotate", "root", "--json", *secret))
    away = as_json(made("root", "export", str(tmp_path / "third.pem"), "--remove", "--same-disk", "--json", *secret))
    words = ["rotate", "issuing", "--compromised", "--root", media[0], "--root", away["file"]]
    assert as_json(made(*words, "--json", *secret))["rotated"] == "issuing"


def test_the_id_of_a_signing_key_that_show_prints_can_be_revoked(made: Freehold, secret_file: Path) -> None:
    shown = as_json(made("show", "--json"))["certificates"]
    evidence = next(row for row in shown if row["use"] == "signing/evidence")
    done = as_json(made("revoke", evidence["id"], "--json", "--passphrase-file", str(secret_file)))
    assert done["uris"] == ["freehold://lab/signing/evidence"]


def test_backup_and_restore(made: Freehold, secret_file: Path, tmp_path: Path) -> None:
    secret = ["--passphrase-file", str(secret_file), "--json"]
    assert as_json(made("backup", str(tmp_path / "b"), *secret))["files"] > 10
    where = ["--folder", str(tmp_path / "second" / "pki")]
    assert as_json(made("restore", str(tmp_path / "b"), *secret, *where, folder=False))["files"] > 10


def test_metrics_go_to_a_file(made: Freehold, tmp_path: Path) -> None:
    assert made("show", "--metrics", str(tmp_path / "keys.prom")) == (0, "")
    assert (tmp_path / "keys.prom").read_text().count("freehold_keys_not_after") >= 6


def test_what_cannot_be_rotated_is_answered_with_what_can(made: Freehold) -> None:
    code, said = made("rotate", "everything")
    assert (code, "evidence" in said) == (2, True)
