"""A role's inputs stand in two places, defaults and argument_specs, and they are the same."""

from typing import Any

import pytest
from tests.unit.roles.role import INPUTS, ROLES, Role

TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "path": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}


def options(role: Role) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = role.load("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    return found


def fits(value: object, kind: str) -> bool:
    is_template = isinstance(value, str) and "{{" in value
    return is_template or (isinstance(value, TYPES[kind]) and (kind == "bool") == isinstance(value, bool))


def test_every_default_is_described_and_every_description_has_a_default(role: Role) -> None:
    assert set(role.load("defaults/main.yml")) == set(options(role))


def test_every_default_is_of_the_type_that_is_declared(role: Role) -> None:
    declared = options(role)
    wrong = {
        name: value for name, value in role.load("defaults/main.yml").items() if not fits(value, declared[name]["type"])
    }
    assert wrong == {}


def test_a_type_that_does_not_fit_is_noticed() -> None:
    assert not fits("8080", "int")
    assert not fits(value=True, kind="int")
    assert not fits(1, "bool")
    assert fits("{{ whatever }}", "int")


def test_an_optional_input_has_the_same_default_in_both_places(role: Role) -> None:
    declared = options(role)
    for name, value in role.load("defaults/main.yml").items():
        if not declared[name].get("required"):
            assert declared[name]["default"] == value, name


def test_a_required_input_has_an_empty_default_that_preflight_refuses(role: Role) -> None:
    declared = {name for name, spec in options(role).items() if spec.get("required")}
    empty = {name for name, value in role.load("defaults/main.yml").items() if value in ("", [], {})}
    assert declared <= empty


def test_inputs_carry_the_roles_name_and_say_what_they_are(role: Role) -> None:
    for name, spec in options(role).items():
        assert name.startswith(f"{role.name}_")
        assert spec["description"]


@pytest.mark.parametrize("path", ROLES, ids=lambda path: path.name)
def test_the_tests_know_the_least_inputs_of_every_role(path: Any) -> None:
    assert path.name in INPUTS
