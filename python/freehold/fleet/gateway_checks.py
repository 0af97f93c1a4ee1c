"""Checks of what the gateway is told: names lead somewhere, clients exist, and what may leave is told whole.

Like :mod:`freehold.fleet.checks` they read the raw form and step over what has the wrong type.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Collection, Iterator

from freehold.fleet import frontier_checks
from freehold.fleet.keypath import KeyPath, refused, remove_command, set_command, written
from freehold.fleet.raw import Data, Found, items, mapping


def judge(data: Data) -> Found:
    """Everything that is wrong."""
    yield from _aliases(data)
    yield from _authority(data)
    yield from _clients(data)
    if isinstance(data.get("frontier"), dict):
        yield from _frontier(data, mapping(data["frontier"]))


def local_models(data: Data) -> list[str]:
    """Names of the models that the fleet serves."""
    return [str(model["name"]) for _, model in items(data, "models") if isinstance(model.get("name"), str)]


def _aliases(data: Data) -> Found:
    models, aliases = local_models(data), mapping(mapping(data.get("gateway")).get("aliases"))
    for alias, target in aliases.items():
        path: KeyPath = ("gateway", "aliases", alias)
        if alias in models:
            why = "the alias would hide it"
            fix = remove_command(path)
            yield refused(
                "CONFIG_ALIAS_HIDES",
                path,
                f"{alias!r}, a model of this fleet",
                expected="another name",
                fix=fix,
                why=why,
            )
        yield from _known("CONFIG_UNKNOWN_MODEL", path, target, models, "a model of this fleet")


def _authority(data: Data) -> Found:
    name = mapping(data.get("gateway")).get("authority")
    hosts = [host["name"] for _, host in items(data, "hosts") if isinstance(host.get("name"), str)]
    yield from _known("CONFIG_UNKNOWN_HOST", ("gateway", "authority"), name, hosts, "one of the hosts")


def _clients(data: Data) -> Found:
    keys = mapping(data.get("api_keys"))
    if "sealed" in keys:  # a file that only Pulumi can open: names are not at hand
        return
    names = [*local_models(data), *mapping(mapping(data.get("gateway")).get("aliases")), *_routed(data)]
    for client, may in mapping(data.get("clients")).items():
        yield from _known("CONFIG_UNKNOWN_CLIENT", ("clients", client), client, keys, "a client of fleet:api_keys")
        listed = mapping(may).get("models")
        for place, name in enumerate(listed if isinstance(listed, list) else ()):
            yield from _known(
                "CONFIG_UNKNOWN_MODEL",
                ("clients", client, "models", place),
                name,
                names,
                "a model, an alias or a route",
            )


def _frontier(data: Data, frontier: Data) -> Found:
    providers = [one["name"] for _, one in items(frontier, "providers") if isinstance(one.get("name"), str)]
    yield from _twice(frontier, "providers", "name")
    yield from _twice(frontier, "routes", "model")
    for index, provider in items(frontier, "providers"):
        yield from known_credential(data, ("frontier", "providers", index, "credential"), provider.get("credential"))
    taken = {*local_models(data), *mapping(mapping(data.get("gateway")).get("aliases"))}
    for index, route in items(frontier, "routes"):
        here: KeyPath = ("frontier", "routes", index)
        yield from _known(
            "CONFIG_UNKNOWN_PROVIDER", (*here, "provider"), route.get("provider"), providers, "a provider of the list"
        )
        yield from _known(
            "CONFIG_UNKNOWN_MODEL", (*here, "local"), route.get("local"), local_models(data), "a model of this fleet"
        )
        if route.get("model") in taken:
            found = f"{route['model']!r}, which is served here"
            why = "a name that is served here must never lead away"
            fix = set_command((*here, "model"), f"frontier/{route['model']}")
            yield refused("CONFIG_ROUTE_HIDES", (*here, "model"), found, expected="a name of its own", fix=fix, why=why)
    for index, price in items(frontier, "prices"):
        place: KeyPath = ("frontier", "prices", index, "provider")
        yield from _known("CONFIG_UNKNOWN_PROVIDER", place, price.get("provider"), providers, "a provider of the list")
    yield from frontier_checks.judge(frontier)


def _routed(data: Data) -> Iterator[str]:
    for _, route in items(mapping(data.get("frontier")), "routes"):
        if isinstance(route.get("model"), str):
            yield route["model"]


def _twice(section: Data, field: str, name: str) -> Found:
    seen: set[str] = set()
    for index, entry in items(section, field):
        value = entry.get(name)
        if isinstance(value, str) and value in seen:
            path: KeyPath = ("frontier", field, index, name)
            yield refused(
                "CONFIG_DUPLICATE_NAME", path, repr(value), expected="each only once", fix=remove_command(path[:-1])
            )
        seen.add(str(value))


def known_credential(data: Data, path: KeyPath, name: object) -> Found:
    """A name that is near another's is a slip; any other one waits for its secret, which Pulumi asks for."""
    give = f"pulumi config set --secret --path {shlex.quote(written(('credentials', str(name))))}"
    given = mapping(data.get("credentials"))
    yield from _known("CONFIG_UNKNOWN_CREDENTIAL", path, name, given, "a secret of fleet:credentials", fix=give)


def _known(
    code: str, path: KeyPath, name: object, known: Collection[str], what: str, *, fix: str | None = None
) -> Found:
    if not isinstance(name, str) or name in known:
        return
    near = difflib.get_close_matches(name, list(known), n=1)
    expected = f"{what}: " + (", ".join(sorted(known)) or "there is none")
    slip = set_command(path, near[0]) if near and path[-1] != name else None
    yield refused(code, path, repr(name), expected=expected, fix=slip or fix or remove_command(path))
