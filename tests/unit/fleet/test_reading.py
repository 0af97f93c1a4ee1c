"""A wrong configuration is refused as a whole, each fault with code, key, line and remedy; nothing is dialled."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import FreeholdError, FreeholdErrors, RefusedError
from freehold.fleet import checks, reading
from freehold.fleet.checks import World
from freehold.fleet.sections import Section
from freehold.fleet.settings import Settings, sections

Data = dict[str, Any]
Break = Callable[[Data], object]

GOOD_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"


def errors_of(data: Data, world: World) -> list[FreeholdError]:
    with pytest.raises(FreeholdErrors) as caught:
        reading.read(reading.Raw(data), world)
    return list(caught.value.errors)


def host(number: int, **changes: Any) -> Break:
    return lambda data: data["hosts"][number].update(changes)


def model(number: int, **changes: Any) -> Break:
    return lambda data: data["models"][number].update(changes)


def without(*path: str | int) -> Break:
    def cut(data: Data) -> None:
        holder: Any = data
        for part in path[:-1]:
            holder = holder[part]
        del holder[path[-1]]

    return cut


def section(key: str, value: Any) -> Break:
    return lambda data: data.update({key: value})


def inside(key: str, **changes: Any) -> Break:
    return lambda data: data[key].update(changes)


VLLM = {"name": "big-chat", "engine": "vllm", "context": None}

BROKEN: list[tuple[str, Break, str, str]] = [
    ("no hosts", without("hosts"), "CONFIG_NO_HOST", "fleet:hosts"),
    ("an empty list of hosts", section("hosts", []), "CONFIG_NO_HOST", "fleet:hosts"),
    ("hosts as text", section("hosts", "gpu1"), "CONFIG_WRONG_TYPE", "fleet:hosts"),
    ("hosts as a mapping", section("hosts", {"gpu1": {}}), "CONFIG_WRONG_TYPE", "fleet:hosts"),
    ("a host as text", section("hosts", ["gpu1"]), "CONFIG_WRONG_TYPE", "fleet:hosts[0]"),
    ("no name", without("hosts", 0, "name"), "CONFIG_MISSING", "fleet:hosts[0].name"),
    ("a name in capitals", host(0, name="GPU1"), "CONFIG_BAD_VALUE", "fleet:hosts[0].name"),
    ("a name for a shell", host(0, name="a; rm -rf /"), "CONFIG_BAD_VALUE", "fleet:hosts[0].name"),
    ("a name that YAML reads as false", host(0, name=False), "CONFIG_WRONG_TYPE", "fleet:hosts[0].name"),
    ("one name twice", host(1, name="gpu1"), "CONFIG_DUPLICATE_NAME", "fleet:hosts[1].name"),
    ("no address", without("hosts", 0, "address"), "CONFIG_MISSING", "fleet:hosts[0].address"),
    ("an address of five parts", host(0, address="192.0.2.1.1"), "CONFIG_BAD_ADDRESS", "fleet:hosts[0].address"),
    ("a host name as address", host(0, address="gpu1.example"), "CONFIG_BAD_ADDRESS", "fleet:hosts[0].address"),
    ("an address with a port", host(0, address="192.0.2.1:22"), "CONFIG_BAD_ADDRESS", "fleet:hosts[0].address"),
    ("every address", host(0, address="0.0.0.0"), "CONFIG_BAD_ADDRESS", "fleet:hosts[0].address"),  # noqa: S104
    ("a group's address", host(0, address="224.0.0.1"), "CONFIG_BAD_ADDRESS", "fleet:hosts[0].address"),
    ("an address as a number", host(0, address=12), "CONFIG_WRONG_TYPE", "fleet:hosts[0].address"),
    ("one address twice", host(1, address="192.0.2.11"), "CONFIG_DUPLICATE_ADDRESS", "fleet:hosts[1].address"),
    ("served on another's", host(1, serve_address="192.0.2.11"), "CONFIG_DUPLICATE_ADDRESS",
     "fleet:hosts[1].serve_address"),
    ("no serve_address", without("hosts", 0, "serve_address"), "CONFIG_MISSING", "fleet:hosts[0].serve_address"),
    ("no host key", without("hosts", 0, "host_key"), "CONFIG_NO_HOST_KEY", "fleet:hosts[0].host_key"),
    ("an empty host key", host(0, host_key=""), "CONFIG_BAD_HOST_KEY", "fleet:hosts[0].host_key"),
    ("a truncated host key", host(0, host_key=GOOD_KEY[:30]), "CONFIG_BAD_HOST_KEY", "fleet:hosts[0].host_key"),
    ("a key of another type", host(0, host_key=GOOD_KEY.replace("ssh-ed25519", "ssh-rsa")), "CONFIG_BAD_HOST_KEY",
     "fleet:hosts[0].host_key"),
    ("a line of known_hosts", host(0, host_key=f"192.0.2.11 {GOOD_KEY}"), "CONFIG_BAD_HOST_KEY",
     "fleet:hosts[0].host_key"),
    ("a fingerprint for a key", host(0, host_key="SHA256:abc"), "CONFIG_BAD_HOST_KEY", "fleet:hosts[0].host_key"),
    ("one host key twice", host(1, host_key=GOOD_KEY), "CONFIG_DUPLICATE_HOST_KEY", "fleet:hosts[1].host_key"),
    ("port 0", host(0, port=0), "CONFIG_BAD_PORT", "fleet:hosts[0].port"),
    ("port 70000", host(0, port=70000), "CONFIG_BAD_PORT", "fleet:hosts[0].port"),
    ("a port as text", host(0, port="22"), "CONFIG_WRONG_TYPE", "fleet:hosts[0].port"),
    ("a port with a fraction", host(0, port=22.5), "CONFIG_WRONG_TYPE", "fleet:hosts[0].port"),
    ("a user for a shell", host(0, user="root;id"), "CONFIG_BAD_VALUE", "fleet:hosts[0].user"),
    ("17 GPUs", host(0, gpus=17), "CONFIG_BAD_VALUE", "fleet:hosts[0].gpus"),
    ("a misspelt key", host(0, adress="192.0.2.11"), "CONFIG_UNKNOWN_KEY", "fleet:hosts[0].adress"),
    ("a misspelt section", section("host", []), "CONFIG_UNKNOWN_KEY", "fleet:host"),
    ("no models", without("models"), "CONFIG_MISSING", "fleet:models"),
    ("an unknown model", model(0, name="tiny-chatt"), "CONFIG_UNKNOWN_MODEL", "fleet:models[0].name"),
    ("one model twice", model(1, name="tiny-chat"), "CONFIG_DUPLICATE_MODEL", "fleet:models[1].name"),
    ("no engine", without("models", 0, "engine"), "CONFIG_MISSING", "fleet:models[0].engine"),
    ("an unknown engine", model(0, engine="ollama"), "CONFIG_BAD_VALUE", "fleet:models[0].engine"),
    ("an engine that cannot read the weights", model(0, engine="vllm", gpus=[0]), "CONFIG_MODEL_FORMAT",
     "fleet:models[0].engine"),
    ("the wrong kind", model(0, kind="embedding"), "CONFIG_MODEL_KIND", "fleet:models[0].kind"),
    ("a context beyond the weights'", model(0, context=9000), "CONFIG_CONTEXT_TOO_LONG", "fleet:models[0].context"),
    ("a context of 1", model(0, context=1), "CONFIG_BAD_VALUE", "fleet:models[0].context"),
    ("two models on a port", lambda d: [m.update(port=18000) for m in d["models"]], "CONFIG_PORT_CLASH",
     "fleet:models[1].port"),
    ("a model on the gateway's port", model(0, port=8080), "CONFIG_PORT_CLASH", "fleet:models[0].port"),
    ("a model on the exporter's port", model(0, port=9400), "CONFIG_PORT_CLASH", "fleet:models[0].port"),
    ("a gateway on sshd's port", inside("gateway", port=22), "CONFIG_PORT_CLASH", "fleet:gateway.port"),
    ("a gateway on port 65536", inside("gateway", port=65536), "CONFIG_BAD_PORT", "fleet:gateway.port"),
    ("vllm without a GPU", model(0, **VLLM), "CONFIG_NO_GPU", "fleet:models[0].gpus"),
    ("a GPU that one host lacks", model(0, **VLLM, gpus=[4]), "CONFIG_GPU_INDEX", "fleet:models[0].gpus"),
    ("a parallelism that is not the GPUs'", model(0, **VLLM, gpus=[0], tensor_parallel=2), "CONFIG_TENSOR_PARALLEL",
     "fleet:models[0].tensor_parallel"),
    ("two models on a GPU", lambda d: (model(0, **VLLM, gpus=[0])(d), model(1, gpus=[0])(d)), "CONFIG_GPU_SHARED",
     "fleet:models[1].gpus"),
    ("more than a whole GPU", lambda d: [m.update(gpus=[0], extra_arguments={"gpu-memory-utilization": 0.6})
                                         for m in d["models"]], "CONFIG_GPU_SHARED", "fleet:models[1].gpus"),
    ("an argument that opens the listener", model(0, extra_arguments={"--host": "0.0.0.0"}),  # noqa: S104
     "CONFIG_RESERVED_ARGUMENT", 'fleet:models[0].extra_arguments["--host"]'),
    ("an argument that trusts foreign code", model(0, extra_arguments={"trust_remote_code": True}),
     "CONFIG_RESERVED_ARGUMENT", "fleet:models[0].extra_arguments.trust_remote_code"),
    ("no prices", without("prices"), "CONFIG_MISSING_PRICE", "fleet:prices"),
    ("no tariff", without("prices", "electricity_per_kwh"), "CONFIG_MISSING_PRICE", "fleet:prices.electricity_per_kwh"),
    ("no purchase price", without("prices", "node_purchase"), "CONFIG_MISSING_PRICE", "fleet:prices.node_purchase"),
    ("a price without a date", without("prices", "as_of"), "CONFIG_MISSING_PRICE", "fleet:prices.as_of"),
    ("a tariff of nothing", inside("prices", electricity_per_kwh=0), "CONFIG_BAD_VALUE",
     "fleet:prices.electricity_per_kwh"),
    ("a tariff as text", inside("prices", electricity_per_kwh="0.2 $"), "CONFIG_WRONG_TYPE",
     "fleet:prices.electricity_per_kwh"),
    ("a PUE below 1", inside("prices", pue=0.9), "CONFIG_BAD_VALUE", "fleet:prices.pue"),
    ("a currency in words", inside("prices", currency="dollars"), "CONFIG_BAD_VALUE", "fleet:prices.currency"),
    ("no site", without("site"), "CONFIG_MISSING", "fleet:site"),
    ("an unknown site", section("site", "attic"), "CONFIG_UNKNOWN_SITE", "fleet:site"),
    ("an unknown simulation", section("simulated", ["network"]), "CONFIG_BAD_VALUE", "fleet:simulated[0]"),
    ("no bundle", without("bundle"), "CONFIG_MISSING", "fleet:bundle"),
    ("a bundle by FTP", inside("bundle", url="ftp://192.0.2.1"), "CONFIG_BAD_URL", "fleet:bundle.url"),
    ("a bundle with a password", inside("bundle", url="http://u:p@192.0.2.1"), "CONFIG_BAD_URL", "fleet:bundle.url"),
    ("a relative folder", inside("bundle", folder="bundle"), "CONFIG_BAD_VALUE", "fleet:bundle.folder"),
    ("no key file", without("access", "private_key_file"), "CONFIG_MISSING", "fleet:access.private_key_file"),
    ("no client key", without("api_keys"), "CONFIG_MISSING", "fleet:api_keys"),
    ("an empty list of client keys", section("api_keys", {}), "CONFIG_SHORT_SECRET", "fleet:api_keys"),
    ("a short client key", inside("api_keys", operator="hunter2"), "CONFIG_SHORT_SECRET", "fleet:api_keys.operator"),
    ("a client key as a number", inside("api_keys", operator=12345), "CONFIG_WRONG_TYPE", "fleet:api_keys.operator"),
    ("one key for two clients", inside("api_keys", other="k" * 43), "CONFIG_SHARED_SECRET", "fleet:api_keys.other"),
    ("no digest key", without("digest_key"), "CONFIG_MISSING", "fleet:digest_key"),
    ("a short digest key", section("digest_key", "short"), "CONFIG_SHORT_SECRET", "fleet:digest_key"),
]  # fmt: skip


def test_the_configuration_that_the_tests_break_is_valid(config: Data, world: World) -> None:
    read = reading.read(reading.Raw(config), world)
    assert [h.name for h in read.settings.hosts] == ["gpu1", "gpu2"]


@pytest.mark.parametrize(("broken", "code", "key"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_each_fault_has_its_code_key_expectation_and_remedy(
    config: Data, world: World, broken: Break, code: str, key: str
) -> None:
    broken(config)
    found = {(error.code, error.subject): error for error in errors_of(config, world)}
    assert list(found) == [(code, key)]
    error = found[code, key]
    assert isinstance(error, RefusedError)
    assert error.found
    assert error.expected
    assert error.fix
    assert error.changed == "nothing"


def test_all_faults_are_reported_together(config: Data, world: World) -> None:
    faults = [
        host(0, port=0),
        host(1, name="gpu1"),
        model(0, name="nobody"),
        without("prices", "years"),
        section("host", 1),
        section("digest_key", "x"),
    ]
    for fault in faults:
        fault(config)
    assert len(errors_of(config, world)) == len(faults)


def test_unknown_key_is_answered_with_the_likely_one(config: Data, world: World) -> None:
    host(0, adress="192.0.2.11")(config)
    (error,) = errors_of(config, world)
    assert "did you mean `address`?" in error.found
    assert error.fix == "pulumi config rm --path 'fleet:hosts[0].adress'"


def test_the_remedy_is_a_command_for_that_key(config: Data, world: World) -> None:
    without("hosts", 1, "host_key")(config)
    (error,) = errors_of(config, world)
    assert error.fix.startswith("pulumi config set --path 'fleet:hosts[1].host_key' ")


def test_unknown_model_is_answered_with_those_of_the_bundle(config: Data, world: World) -> None:
    model(0, name="tiny-chatt")(config)
    (error,) = errors_of(config, world)
    assert "big-chat, tiny-chat, tiny-embedding" in error.expected
    assert error.fix.endswith("tiny-chat")


def test_a_secret_is_never_in_a_message(config: Data, world: World) -> None:
    config["api_keys"] = {"operator": "hunter2hunter2", "other": "hunter2hunter2"}
    config["digest_key"] = "hunter2hunter2"
    text = json.dumps([error.as_json() for error in errors_of(config, world)])
    assert "hunter2" not in text


def test_unreadable_key_file_and_missing_bundle_are_named(config: Data) -> None:
    def no_bundle(*_: Path) -> Data:
        raise RefusedError("CONFIG_BUNDLE_MISSING", "fleet:bundle.folder", "no manifest.json", fix="build it")

    blind = World(describe_bundle=no_bundle, key_fault=lambda _: "Permission denied", sites={"example"})
    found = {error.code: error.found for error in errors_of(config, blind)}
    assert found == {
        "CONFIG_BUNDLE_MISSING": "no manifest.json",
        "CONFIG_KEY_FILE": "~/.ssh/id_ed25519: Permission denied",
    }


def test_keys_of_another_site_are_refused_before_a_node_is_dialled(config: Data, world: World) -> None:
    own = world.describe_keys
    assert own is not None
    told = dict(own(Path("pki")))
    judged_by = replace(world, describe_keys=lambda _: told)
    for name, codes in ((config["site"], []), ("attic", ["CONFIG_KEYS_SITE"])):
        told["site"] = name
        assert [one.code for one in checks.keys_of(config, judged_by)[1]] == codes
    assert "CONFIG_KEYS_SITE" in {error.code for error in errors_of(config, judged_by)}


def test_errors_name_file_and_line(config: Data, world: World, stack_text: str) -> None:
    host(1, port=0)(config)
    with pytest.raises(FreeholdErrors) as caught:
        reading.read(reading.Raw(config, "Pulumi.test.yaml", stack_text), world)
    (error,) = caught.value.errors
    line = next(i for i, text in enumerate(stack_text.splitlines(), 1) if "port: 2222" in text)
    assert error.subject == f"Pulumi.test.yaml:{line} fleet:hosts[1].port"
    assert error.as_json()["details"]["line"] == line


def test_every_setting_says_what_it_expects_and_gives_an_example() -> None:
    every: list[type[Section]] = [Settings, *sections().values()]
    for section_class in every:
        for name, field in section_class.model_fields.items():
            assert field.description, name
            assert field.examples, name


def test_a_stack_without_any_configuration_is_told_once(world: World) -> None:
    with pytest.raises(RefusedError, match="CONFIG_ABSENT"):
        reading.read(reading.from_pulumi({}, []), world)


def test_reading_changes_nothing_it_was_given(config: Data, world: World) -> None:
    before = copy.deepcopy(config)
    reading.read(reading.Raw(config), world)
    assert config == before


def test_the_example_stack_is_valid() -> None:
    example = Path(__file__).resolve().parents[3] / "stacks" / "fleet" / "Pulumi.example.yaml"
    read = reading.read(reading.from_file(example.read_text(encoding="utf-8"), example.name), World(sites={"example"}))
    assert read.settings.hosts[0].gpu_model == "NVIDIA H200"
    assert not read.settings.simulated
