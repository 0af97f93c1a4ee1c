"""The plugin's protocol: messages in, messages out. What they mean is in :mod:`freehold.pulumi_command.lifecycle`.

`pulumi.provider.experimental` would hide the protocol, but its asset values lose their digest, its requests the old
inputs, and its errors carry a Python traceback to the user; so this serves the messages themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import grpc  # type: ignore[import-untyped]
from google.protobuf import empty_pb2  # type: ignore[import-untyped]

from freehold.pulumi_command import VERSION, check, diff, schema, wire
from freehold.pulumi_command.engine import Engine
from freehold.pulumi_command.lifecycle import Lifecycle, Log
from freehold.pulumi_command.protocol import plugin_pb2, provider_pb2_grpc
from freehold.pulumi_command.protocol import provider_pb2 as messages
from freehold.pulumi_command.work import CommandError


class Service(provider_pb2_grpc.ResourceProviderServicer):
    """Every call has a thread of its own, so that a long command holds up nothing."""

    def __init__(self, engine: Engine, lifecycle: Lifecycle) -> None:
        self._engine = engine
        self._lifecycle = lifecycle

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002  the protocol's name
        """Which version this is."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """The surface without its descriptions, which the SDK brings itself."""
        return messages.GetSchemaResponse(schema=json.dumps(schema.document()))

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """The provider has no settings of its own."""
        return messages.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Nothing in the settings could change a resource."""
        return messages.DiffResponse(changes=messages.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Secrets come marked, and previews are asked for."""
        return messages.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True)

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """The user interrupted Pulumi: stop what is running."""
        self._lifecycle.cancellation.cancel()
        return empty_pb2.Empty()

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Refuse wrong inputs before anything runs."""
        completed, failures = check.check(_kind(request.urn), wire.decode(request.news))
        return messages.CheckResponse(inputs=wire.encode(completed), failures=_failures(failures))

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Compare inputs with inputs; outputs have no part in it."""
        kinds = diff.changes(_kind(request.urn), wire.decode(request.old_inputs), wire.decode(request.news))
        return messages.DiffResponse(
            changes=messages.DiffResponse.DIFF_SOME if kinds else messages.DiffResponse.DIFF_NONE,
            # By the name of the input: Pulumi's short display shows no deeper paths.
            replaces=diff.names(path for path, kind in kinds.items() if kind.endswith("_REPLACE")),
            diffs=diff.names(kinds),
            detailedDiff=_detailed(kinds),
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Run `create`."""
        try:
            created = self._lifecycle.create(
                _kind(request.urn),
                request.urn.rsplit("::", 1)[-1],
                wire.decode(request.properties),
                self._log(request.urn),
                timeout=request.timeout,
                preview=request.preview,
            )
        except CommandError as error:
            _fail(context, error)
        return messages.CreateResponse(id=created.identity, properties=wire.encode(created.properties))

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Run `update`."""
        try:
            properties = self._lifecycle.update(
                _kind(request.urn),
                wire.decode(request.olds),
                wire.decode(request.news),
                self._log(request.urn),
                timeout=request.timeout,
                preview=request.preview,
            )
        except CommandError as error:
            _fail(context, error)
        return messages.UpdateResponse(properties=wire.encode(properties))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Run `delete`."""
        try:
            self._lifecycle.delete(
                _kind(request.urn), wire.decode(request.properties), self._log(request.urn), timeout=request.timeout
            )
        except CommandError as error:
            _fail(context, error)
        return empty_pb2.Empty()

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """A command has nothing to look at again: the state stays."""
        return messages.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Run a function, in a preview too: the SDK documents that it always runs."""
        completed, failures = check.check(request.tok, wire.decode(request.args))
        if failures:
            return messages.InvokeResponse(failures=_failures(failures))
        try:
            returned = self._lifecycle.invoke(request.tok, completed, self._log(""))
        except CommandError as error:
            _fail(context, error)
        return messages.InvokeResponse(**{"return": wire.encode(returned)})

    def _log(self, urn: str) -> Log:
        return lambda line: self._engine.log(urn, line)


def _kind(urn: str) -> str:
    """The type of the resource itself: the last one of a chain of parents in its URN."""
    return urn.split("::")[2].rsplit("$", 1)[-1]


def _failures(failures: Iterable[check.Failure]) -> list[Any]:
    return [messages.CheckFailure(property=path, reason=reason) for path, reason in failures]


def _detailed(kinds: Mapping[str, str]) -> dict[str, Any]:
    return {
        path: messages.PropertyDiff(kind=messages.PropertyDiff.Kind.Value(kind), inputDiff=True)
        for path, kind in kinds.items()
    }


def _fail(context: Any, error: CommandError) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, str(error))
    raise AssertionError  # abort raises
