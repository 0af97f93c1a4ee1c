"""The surface is the SDK's, name by name: a new SDK with another surface fails here."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from types import ModuleType
from typing import Any

import pytest

from freehold.pulumi_command import schema

NO_INPUTS = ("__self__", "__props__", "resource_name", "opts")


@pytest.fixture(scope="module")
def sdk() -> ModuleType:
    package = importlib.import_module("pulumi_command")  # half a second, for these tests only
    assert package.local.Command  # its modules are empty until something is asked of them
    assert package.remote.Command
    return package


def camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def properties(of: type) -> set[str]:
    """The names of a generated class's properties, as the protocol writes them."""
    own = {name for name, member in vars(of).items() if isinstance(member, property)}
    return {camel(name) for name in own}


def functions(module: ModuleType) -> set[str]:
    return {name for name in vars(module) if inspect.isfunction(getattr(module, name)) and name != "deprecated"}


def resource(sdk: ModuleType, kind: str) -> Any:
    _, module, name = kind.split(":")
    return getattr(getattr(sdk, module), name)


def test_the_sdk_has_no_other_resource_or_function(sdk: ModuleType) -> None:
    import pulumi  # noqa: PLC0415

    found = {
        f"command:{module}:{name}"
        for module in ("local", "remote")
        for name, member in vars(getattr(sdk, module)).items()
        if inspect.isclass(member) and issubclass(member, pulumi.CustomResource)
    }
    assert found == schema.RESOURCES.keys()
    assert functions(sdk.local) == {"run", "run_output"}
    assert functions(sdk.remote) == set()


@pytest.mark.parametrize("kind", schema.RESOURCES)
def test_a_resource_has_the_sdks_inputs_and_outputs(sdk: ModuleType, kind: str) -> None:
    surface, theirs = schema.RESOURCES[kind], resource(sdk, kind)
    inputs = inspect.signature(theirs._internal_init).parameters.keys() - {*NO_INPUTS}
    assert surface.inputs.keys() == {camel(name) for name in inputs}
    assert surface.inputs.keys() | surface.outputs.keys() == properties(theirs)


def test_the_function_has_the_sdks_inputs_and_outputs(sdk: ModuleType) -> None:
    surface = schema.FUNCTIONS[schema.RUN]
    inputs = inspect.signature(sdk.local.run).parameters.keys() - {"opts"}
    assert surface.inputs.keys() == {camel(name) for name in inputs}
    assert surface.inputs.keys() | surface.outputs.keys() == properties(sdk.local.RunResult)


def test_connections_have_the_sdks_members(sdk: ModuleType) -> None:
    assert schema.CONNECTION_MEMBERS.keys() == properties(sdk.remote.ConnectionArgs)
    assert schema.PROXY_MEMBERS.keys() == properties(sdk.remote.ProxyConnectionArgs)


def test_the_logging_modes_are_the_sdks(sdk: ModuleType) -> None:
    for module in (sdk.local, sdk.remote):
        assert {mode.value for mode in module.Logging} == {*schema.LOGGING}


def test_the_schema_for_tools_is_whole() -> None:
    document = json.loads(json.dumps(schema.document()))
    assert document["resources"].keys() == schema.RESOURCES.keys()
    references = re.findall(r'"#/types/([^"]+)"', json.dumps(document))
    assert {*references} == document["types"].keys()
    local = document["resources"][schema.LOCAL]
    assert local["required"] == ["stderr", "stdout"]
    assert local["inputProperties"]["triggers"]["replaceOnChanges"] is True
    assert document["resources"][schema.REMOTE]["inputProperties"]["connection"]["secret"] is True
