"""The forms in which a configuration arrives: as Pulumi hands it to the program, and as a stack file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freehold.errors import FreeholdErrors, RefusedError
from freehold.fleet import reading
from freehold.fleet.checks import World

Data = dict[str, Any]


def pulumi_form(config: Data) -> dict[str, str]:
    return {f"fleet:{k}": v if isinstance(v, str) else json.dumps(v, default=str) for k, v in config.items()}


def test_pulumis_form_is_decoded(config: Data, world: World) -> None:
    raw = reading.from_pulumi(pulumi_form(config), ["fleet:api_keys", "fleet:digest_key"])
    assert reading.read(raw, world).settings == reading.read(reading.Raw(config), world).settings


def test_a_secret_in_clear_is_refused(config: Data, world: World) -> None:
    raw = reading.from_pulumi(pulumi_form(config), ["fleet:api_keys"])
    with pytest.raises(FreeholdErrors) as caught:
        reading.read(raw, world)
    assert [(e.code, e.subject) for e in caught.value.errors] == [("CONFIG_SECRET_IN_CLEAR", "fleet:digest_key")]


def test_a_key_of_a_foreign_namespace_is_refused(config: Data, world: World) -> None:
    given = pulumi_form(config) | {"freehold:hosts": "[]", "pulumi:tags": "{}"}
    with pytest.raises(FreeholdErrors) as caught:
        reading.read(reading.from_pulumi(given, ["fleet:api_keys", "fleet:digest_key"]), world)
    assert [(e.code, e.subject) for e in caught.value.errors] == [("CONFIG_UNKNOWN_NAMESPACE", "freehold:hosts")]


def test_a_stack_file_is_read_with_its_secrets_sealed(stack_text: str, world: World) -> None:
    sealed = (
        stack_text + "  fleet:digest_key:\n    secure: v1:abc\n  fleet:api_keys:\n    operator:\n      secure: v1:d\n"
    )
    assert reading.read(reading.from_file(sealed, "Pulumi.test.yaml"), world).settings.site == "example"


def test_a_stack_file_with_a_plain_secret_is_refused(stack_text: str, world: World) -> None:
    plain = stack_text + "  fleet:digest_key: " + "d" * 43 + "\n"
    with pytest.raises(FreeholdErrors) as caught:
        reading.read(reading.from_file(plain, "Pulumi.test.yaml"), world)
    assert [e.code for e in caught.value.errors] == ["CONFIG_SECRET_IN_CLEAR"]


@pytest.mark.parametrize("text", ["", "config: 3", "- a", "config: {", "\t"])
def test_a_file_that_is_no_stack_file_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="CONFIG_NOT_READABLE"):
        reading.from_file(text, "Pulumi.test.yaml")


@pytest.mark.parametrize("target", ["one.example.org:443", "198.51.100.53", "198.51.100.53:https", ":443"])
def test_a_probe_target_must_be_an_address_with_a_port(config: Data, world: World, target: str) -> None:
    config["sovereignty"]["probe_targets"] = [target]
    with pytest.raises(FreeholdErrors) as caught:
        reading.read(reading.Raw(config), world)
    assert caught.value.errors[0].code == "CONFIG_BAD_ADDRESS"
    assert caught.value.errors[0].subject.endswith("sovereignty.probe_targets[0]")


def test_a_stack_that_names_no_probe_target_is_refused(config: Data, world: World) -> None:
    config["sovereignty"]["probe_targets"] = []
    with pytest.raises(FreeholdErrors):
        reading.read(reading.Raw(config), world)


def test_a_second_embedding_model_for_the_one_sidecar_is_refused(config: Data, world: World, bundle: Data) -> None:
    bundle["models"]["second"] = bundle["models"]["tiny-embedding"]
    config["models"].append({"name": "second", "engine": "llama_cpp"})
    with pytest.raises(FreeholdErrors) as caught:
        reading.read(reading.Raw(config), world)
    assert [(error.code, error.found) for error in caught.value.errors] == [("CONFIG_ONE_SIDECAR", "second")]
