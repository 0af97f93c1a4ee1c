from __future__ import annotations

from freehold.pulumi_command import wire
from freehold.pulumi_command.secrecy import Redactor

secret = wire.as_secret


def test_a_secret_is_masked_and_found() -> None:
    redactor = Redactor.of({"environment": {"K": secret("hunter22")}})
    assert redactor.mask("the key is hunter22!") == "the key is [secret]!"
    assert redactor.finds("hunter22")
    assert not redactor.finds("nothing of it")


def test_every_line_of_a_secret_is_masked_because_logs_come_in_lines() -> None:
    redactor = Redactor.of({"stdin": secret("first line\nsecond line\n")})
    assert redactor.mask("second line") == "[secret]"


def test_a_longer_secret_goes_before_the_shorter_one_that_it_holds() -> None:
    redactor = Redactor.of({"environment": {"A": secret("abc"), "B": secret("abcdef")}})
    assert redactor.mask("abcdef abc") == "[secret] [secret]"


def test_short_secrets_are_left_alone() -> None:
    assert Redactor.of({"stdin": secret("12")}).mask("12 of 12") == "12 of 12"


def test_of_a_connection_the_credentials_are_masked_and_the_address_is_not() -> None:
    connection = secret(
        {"host": "10.83.0.11", "user": "root", "password": "let me in", "privateKey": "BEGIN\nabcdef\n"}
    )
    redactor = Redactor.of({"connection": connection})
    assert redactor.mask("root@10.83.0.11: let me in, abcdef") == "root@10.83.0.11: [secret], [secret]"


def test_what_the_proxy_is_told_is_masked_too() -> None:
    redactor = Redactor.of({"connection": secret({"host": "h", "proxy": {"host": "p", "password": "let me in"}})})
    assert redactor.mask("p: let me in") == "p: [secret]"


def test_what_is_not_known_yet_masks_nothing() -> None:
    redactor = Redactor.of({"connection": wire.UNKNOWN, "stdin": secret(wire.UNKNOWN)})
    assert redactor.texts == ()
