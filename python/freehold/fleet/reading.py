"""From the raw configuration to :class:`~freehold.fleet.settings.Settings`, or to every reason why not, together.

Three sources give the same raw form (key without namespace to plain value): what Pulumi hands the program
(:func:`from_pulumi`), a stack file (:func:`from_file`), and a test. :func:`read` is a pure function of that form and
of a :class:`~freehold.fleet.checks.World`; it dials nobody.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from freehold.errors import FreeholdError, FreeholdErrors, RefusedError
from freehold.fleet import checks
from freehold.fleet.keypath import KeyPath, line_of, refused, remove_command, set_command, written
from freehold.fleet.settings import NAMESPACE, SECRET_KEYS, Settings, field_hint, section_of

SEALED = "sealed: only `pulumi` with the passphrase can open it"
NAMESPACES = (NAMESPACE, "pulumi", "command")
TEXT_KEYS = ("site", "digest_key")  # everything else is a list or a mapping, which Pulumi hands over as JSON
WHY = "a key that nothing reads is a wish that nobody grants"

_TYPE_NAMES = {
    "missing": "CONFIG_MISSING",
    "extra_forbidden": "CONFIG_UNKNOWN_KEY",
    "literal_error": "CONFIG_BAD_VALUE",
}


@dataclass(frozen=True)
class Raw:
    """Configuration before it is trusted; ``text`` is the stack file, to tell lines; ``faults`` came up on the way."""

    data: Mapping[str, Any]
    file: str = "Pulumi.<stack>.yaml"
    text: str = ""
    faults: tuple[FreeholdError, ...] = ()


@dataclass(frozen=True)
class Read:
    """Valid settings, and the bundle and the keys that they were checked against."""

    settings: Settings
    bundle: Mapping[str, Any]
    keys: Mapping[str, Any]


def from_pulumi(config: Mapping[str, str], secret_keys: Collection[str], *, file: str = "", text: str = "") -> Raw:
    """Decode what Pulumi hands a program: ``fleet:hosts`` to JSON text, ``fleet:site`` to plain text."""
    data: dict[str, Any] = {}
    faults = list(_foreign_keys(config))
    for full, value in config.items():
        space, _, key = full.partition(":")
        if space != NAMESPACE:
            continue
        if key in SECRET_KEYS and full not in secret_keys:
            faults.append(_in_clear((key,)))
        try:
            data[key] = value if key in TEXT_KEYS else json.loads(value)
        except json.JSONDecodeError:
            data[key] = value
    return Raw(data, file or "Pulumi.<stack>.yaml", text, tuple(faults))


def from_file(text: str, file: str) -> Raw:
    """Read a stack file. Its secrets are sealed, so they stand for themselves and only their place is checked."""
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _not_yaml(file, str(error)) from error
    config = loaded.get("config") if isinstance(loaded, dict) else None
    if not isinstance(config, dict):
        raise _not_yaml(file, "no mapping `config:`")
    faults = list(_foreign_keys(config))
    data = {str(key).partition(":")[2]: value for key, value in config.items() if str(key).startswith(f"{NAMESPACE}:")}
    faults += [_in_clear((key,)) for key in SECRET_KEYS if key in data and not _is_sealed(data[key])]
    data |= {"api_keys": {"sealed": SEALED}, "digest_key": SEALED}
    if isinstance(data.get("credentials"), dict):
        data["credentials"] = dict.fromkeys(data["credentials"], SEALED)
    return Raw(data, file, text, tuple(faults))


def read(raw: Raw, world: checks.World) -> Read:
    """Return the settings, or raise :class:`FreeholdErrors` with all that is wrong."""
    data = _as_json(raw.data)
    faults = list(raw.faults)
    if not data and not faults:
        raise _absent(raw.file)
    settings = None
    try:
        settings = Settings.model_validate_json(json.dumps(data))
    except ValidationError as error:
        details = error.errors(include_url=False)
        faults += [_from_pydantic(detail) for detail in details if not _is_echo(detail)]
    bundle, unread = checks.bundle_of(data, world)
    keys, missing = checks.keys_of(data, world)
    faults += [*unread, *missing, *checks.judge(data, bundle, world)]
    if faults or settings is None:
        raise FreeholdErrors([_with_line(fault, raw) for fault in _once(faults)])
    return Read(settings, bundle or {}, keys or {})


def _as_json(data: Mapping[str, Any]) -> dict[str, Any]:
    """YAML knows dates, JSON does not: both of Pulumi's forms become the same plain data."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(data), default=str))
    return plain


def _is_sealed(value: Any) -> bool:
    if isinstance(value, dict) and set(value) == {"secure"}:
        return True
    return isinstance(value, dict) and bool(value) and all(_is_sealed(inner) for inner in value.values())


def _from_pydantic(detail: ErrorDetails) -> FreeholdError:
    path = _path(detail["loc"])
    expected, example = field_hint(path)
    secret = path[0] in SECRET_KEYS
    code = _code(detail["type"], path)
    if code == "CONFIG_UNKNOWN_KEY":
        return _unknown(path)
    found = "nothing" if detail["type"] == "missing" else _shown(detail["input"], secret=secret)
    if code == "CONFIG_BAD_HOST_KEY":
        found = detail["msg"]
    target = ("api_keys", "operator") if path == ("api_keys",) else path
    fix = set_command(target, example, secret=secret)
    if len(path) == 1 and not secret and path[0] not in TEXT_KEYS:
        fix = f"fill in `{written(path)}:` as Pulumi.example.yaml does"
    return refused(code, path, found, expected=expected, fix=fix)


def _is_echo(detail: ErrorDetails) -> bool:
    """A list all of whose items were refused is called too short as well; its items have said it."""
    return detail["type"] == "too_short" and isinstance(detail["input"], list) and bool(detail["input"])


def _path(loc: tuple[int | str, ...]) -> KeyPath:
    """Drop what pydantic adds after a field (the member of a union, `[key]` of a mapping)."""
    limit = 2 if loc and loc[0] == "api_keys" else 4
    return tuple(part for part in loc if part != "[key]")[:limit] or ("?",)


def _code(kind: str, path: KeyPath) -> str:
    last = path[-1]
    if kind == "missing":
        return {"host_key": "CONFIG_NO_HOST_KEY", "hosts": "CONFIG_NO_HOST"}.get(
            str(last), "CONFIG_MISSING_PRICE" if path[0] == "prices" else "CONFIG_MISSING"
        )
    if path == ("hosts",) and kind == "too_short":
        return "CONFIG_NO_HOST"
    if path[0] in SECRET_KEYS and kind in {"too_short", "string_too_short"}:
        return "CONFIG_SHORT_SECRET"
    if kind.startswith("config_"):
        return kind.upper()
    if kind.endswith(("_type", "_parsing")) or kind == "int_from_float":
        return "CONFIG_WRONG_TYPE"
    return _TYPE_NAMES.get(kind, "CONFIG_BAD_PORT" if last == "port" else "CONFIG_BAD_VALUE")


def _unknown(path: KeyPath) -> FreeholdError:
    known = sorted(section_of(path).model_fields)
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    found = f"the key {path[-1]!r}" + (f"; did you mean `{near[0]}`?" if near else "")
    expected = "one of " + ", ".join(known)
    return refused("CONFIG_UNKNOWN_KEY", path, found, expected=expected, fix=remove_command(path), why=WHY)


def _foreign_keys(config: Mapping[str, Any]) -> Iterator[FreeholdError]:
    for full in config:
        space, colon, key = str(full).partition(":")
        if not colon or space not in NAMESPACES:
            yield RefusedError(
                "CONFIG_UNKNOWN_NAMESPACE",
                str(full),
                f"namespace {space!r}" if colon else "a key without namespace",
                expected=f"keys that begin with `{NAMESPACE}:`",
                why=WHY,
                fix=f"rename it to `{NAMESPACE}:{key or space}`, or remove it",
            )


def _in_clear(path: KeyPath) -> FreeholdError:
    one_of_many = {"api_keys": ("api_keys", "operator"), "credentials": ("credentials", "NAME")}
    fix = set_command(one_of_many.get(str(path[0]), path), "", secret=True)
    return refused(
        "CONFIG_SECRET_IN_CLEAR",
        path,
        "a plain value",
        expected="a secret, encrypted by Pulumi",
        fix=f"make a new one, for the old one was seen: {fix}",
        why="the stack file is kept in a repository and read by many",
    )


def _absent(file: str) -> FreeholdError:
    return RefusedError(
        "CONFIG_ABSENT",
        file,
        "no configuration at all",
        expected="hosts, models, prices and keys",
        why="a stack says what the owner wants, and this one says nothing",
        fix="begin with Pulumi.example.yaml; in the lab `make up` writes it anew",
    )


def _not_yaml(file: str, found: str) -> FreeholdError:
    return RefusedError(
        "CONFIG_NOT_READABLE", file, found, expected="a YAML file with `config:`", fix="see Pulumi.example.yaml"
    )


def _shown(value: Any, *, secret: bool) -> str:
    if secret:
        return f"a text of {len(value)} characters" if isinstance(value, str) else f"a {type(value).__name__}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "…"  # noqa: PLR2004  one line of a terminal


def _once(faults: list[FreeholdError]) -> list[FreeholdError]:
    return list({(fault.code, fault.subject): fault for fault in reversed(faults)}.values())[::-1]


def _with_line(fault: FreeholdError, raw: Raw) -> FreeholdError:
    path = tuple(fault.details.get("path", ()))
    line = line_of(raw.text, path) if raw.text and path else None
    if line is not None:
        fault.details |= {"file": raw.file, "line": line, "key": fault.subject}
        fault.subject = f"{raw.file}:{line} {fault.subject}"
    return fault
