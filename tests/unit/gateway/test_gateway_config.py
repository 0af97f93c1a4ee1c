"""The settings are refused as a whole, with every error in them, or taken as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import FreeholdError, FreeholdErrors
from freehold.gateway.books import declared_of
from freehold.gateway.config import Limits, Report, read

GOOD: dict[str, Any] = {
    "listen": {"host": "10.84.0.11", "port": 8080},
    "metrics": {"host": "127.0.0.1", "port": 8081},
    "simulated": ["gpu"],
    "keys": [{"name": "operator", "sha256": "a" * 64}],
    "models": [
        {"name": "m", "kind": "chat", "url": "http://127.0.0.1:18000", "engine": "llama_cpp", "context": 2048},
        {"name": "e", "kind": "embedding", "url": "http://[::1]:18100/", "engine": "vllm", "concurrent": 5},
    ],
    "internal_key_file": None,
    "limits": {"drain_seconds": 60},
}


def write(folder: Path, settings: object) -> Path:
    path = folder / "gateway.json"
    path.write_text(settings if isinstance(settings, str) else json.dumps(settings))
    return path


def refused(path: Path) -> list[FreeholdError]:
    with pytest.raises((FreeholdError, FreeholdErrors)) as caught:
        read(path)
    error = caught.value
    if isinstance(error, FreeholdErrors):
        return list(error.errors)
    assert isinstance(error, FreeholdError)
    return [error]


def changed(path: str, value: Any) -> dict[str, Any]:
    settings = json.loads(json.dumps(GOOD))
    *way, last = path.split(".")
    place = settings
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    return settings  # type: ignore[no-any-return]


MESH = {"listen": {"host": "10.85.0.11", "port": 8443}, "certificate": "c", "anchors": "a", "revoked": "r"}


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (None, None),
        ({"url": "http://127.0.0.1:9096/"}, Report(url="http://127.0.0.1:9096")),
        ({"peers": ["gpu1", "gpu2"]}, Report(peers=("gpu1", "gpu2"))),
    ],
)
def test_where_the_status_page_is_from_is_read(tmp_path: Path, report: Any, expected: Report | None) -> None:
    more = {"report": report} if report else {}
    assert read(write(tmp_path, {**GOOD, "mesh": MESH, "peers_file": "p", **more})).report == expected


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ({}, "both or neither"),
        ({"url": "http://127.0.0.1:9096", "peers": ["gpu1"]}, "both or neither"),
        ({"url": "http://10.0.0.1:9096"}, "10.0.0.1"),
        ({"url": "http://127.0.0.1:9096/status"}, "without a path"),
        ({"url": "https://127.0.0.1:9096"}, "https"),
        ({"peers": "gpu1"}, "a list of texts"),
        ({"peers": ["gpu1"], "more": 1}, "unknown key"),
    ],
)
def test_a_status_page_from_elsewhere_is_refused(tmp_path: Path, report: Any, words: str) -> None:
    errors = refused(write(tmp_path, {**GOOD, "mesh": MESH, "peers_file": "p", "report": report}))
    assert words in " ".join(str(error) for error in errors)


def test_a_monitor_is_asked_over_the_mesh_or_not_at_all(tmp_path: Path) -> None:
    (error,) = refused(write(tmp_path, {**GOOD, "report": {"peers": ["gpu1"]}}))
    assert error.subject.endswith("report.peers")
    assert "mesh" in error.expected


def test_a_key_may_see_the_status_page_if_it_says_so(tmp_path: Path) -> None:
    key = {**GOOD["keys"][0], "status": True}
    config = read(
        write(tmp_path, {**GOOD, "keys": [key, {**key, "name": "other", "sha256": "b" * 64, "status": False}]})
    )
    assert [declared_of(one).limits.status for one in config.keys] == [True, False]
    assert not declared_of(read(write(tmp_path, GOOD)).keys[0]).limits.status


def test_good_settings_are_read(tmp_path: Path) -> None:
    config = read(write(tmp_path, GOOD))
    assert config.listen.port == 8080
    assert config.models[0].concurrent == 32
    assert (config.models[1].url, config.models[1].concurrent) == ("http://[::1]:18100", 5)
    assert config.limits == Limits(drain_seconds=60)
    assert config.simulated == ("gpu",)


def test_optional_parts_may_be_left_out(tmp_path: Path) -> None:
    without = {name: value for name, value in GOOD.items() if name in {"listen", "metrics", "keys", "models"}}
    assert read(write(tmp_path, without)).limits == Limits()


@pytest.mark.parametrize(
    ("path", "value", "code", "key"),
    [
        ("models.0.url", "http://10.84.0.12:18000", "CONFIG_BAD_VALUE", "models[0].url"),
        ("models.0.url", "http://localhost:18000", "CONFIG_BAD_VALUE", "models[0].url"),
        ("models.0.url", "https://api.example.test", "CONFIG_BAD_VALUE", "models[0].url"),
        ("models.0.url", "http://127.0.0.1:18000/v1", "CONFIG_BAD_VALUE", "models[0].url"),
        ("models.0.url", "http://127.0.0.1@example.test:80", "CONFIG_BAD_VALUE", "models[0].url"),
        ("models.0.url", "http://127.0.0.1", "CONFIG_BAD_VALUE", "models[0].url"),
        ("models.0.url", "http://127.0.0.1:99999", "CONFIG_BAD_VALUE", "models[0].url"),
        ("models.0.engine", "openai", "CONFIG_BAD_VALUE", "models[0].engine"),
        ("models.0.kind", "vision", "CONFIG_BAD_VALUE", "models[0].kind"),
        ("models.0.name", "a\r\nb", "CONFIG_BAD_VALUE", "models[0].name"),
        ("models.1.name", "m", "CONFIG_DUPLICATE", "models: name"),
        ("models.1.url", "http://127.0.0.1:18000", "CONFIG_DUPLICATE", "models: url"),
        ("models.0.colour", "red", "CONFIG_UNKNOWN_KEY", "models[0].colour"),
        ("metrics.host", "0.0.0.0", "CONFIG_BAD_VALUE", "metrics.host"),  # noqa: S104  refused, which is the point
        ("listen.host", "gateway.example.test", "CONFIG_BAD_VALUE", "listen.host"),
        ("listen.port", 0, "CONFIG_BAD_VALUE", "listen.port"),
        ("listen.port", "8080", "CONFIG_BAD_VALUE", "listen.port"),
        ("listen.port", True, "CONFIG_BAD_VALUE", "listen.port"),
        ("listen", [], "CONFIG_BAD_VALUE", "listen"),
        ("keys", [], "CONFIG_BAD_VALUE", "keys"),
        ("keys.0.sha256", "fh-" + "a" * 43, "CONFIG_BAD_VALUE", "keys[0].sha256"),
        ("keys.0.name", "", "CONFIG_BAD_VALUE", "keys[0].name"),
        ("limits.body_bytes", -1, "CONFIG_BAD_VALUE", "limits.body_bytes"),
        ("limits.patience", 1, "CONFIG_UNKNOWN_KEY", "limits.patience"),
        ("simulated", "gpu", "CONFIG_BAD_VALUE", "simulated"),
        ("typo", 1, "CONFIG_UNKNOWN_KEY", "typo"),
    ],
)
def test_each_wrong_value_is_named(tmp_path: Path, path: str, value: Any, code: str, key: str) -> None:
    errors = refused(write(tmp_path, changed(path, value)))
    found = [(error.code, error.subject.partition("gateway.json: ")[2]) for error in errors]
    assert found == [(code, key)]


def test_all_errors_come_together(tmp_path: Path) -> None:
    assert len(refused(write(tmp_path, {"listen": {}, "metrics": 3, "models": "x"}))) == 5


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000])
def test_what_is_not_a_json_object_is_refused(tmp_path: Path, text: str) -> None:
    assert refused(write(tmp_path, text))[0].exit_code == 3


def test_a_key_itself_is_never_in_an_error(tmp_path: Path) -> None:
    assert "fh-aaa" not in str(refused(write(tmp_path, changed("keys.0.sha256", "fh-" + "a" * 43)))[0])


FRONTIER: dict[str, Any] = {
    "share_ppm": 50_000,
    "window_days": 7,
    "nano_usd_per_day": 2_500_000_000,
    "nano_usd_per_month": 50_000_000_000,
    "providers": [{"name": "acme", "protocol": "openai", "url": "https://api.example.com/v1/", "credential": "acme"}],
    "routes": [{"model": "best", "provider": "acme", "provider_model": "best-1", "local": "m", "when": "always"}],
}


def test_the_exception_is_read_and_money_is_whole(tmp_path: Path) -> None:
    config = read(write(tmp_path, {**GOOD, "frontier": FRONTIER, "aliases": {"gpt-5": "m"}, "node": "gpu1"}))
    assert config.frontier is not None
    assert (config.frontier.share_ppm, config.frontier.nano_usd_per_day) == (50_000, 2_500_000_000)
    assert config.frontier.providers[0].url == "https://api.example.com/v1"
    assert (config.frontier.routes[0].always, config.frontier.routes[0].dark) == (True, "answer_locally")
    assert config.aliases == (("gpt-5", "m"),)


def test_without_a_word_nothing_leaves_and_no_key_may(tmp_path: Path) -> None:
    config = read(write(tmp_path, GOOD))
    assert config.frontier is None
    assert [key.frontier for key in config.keys] == [False]
    assert config.is_authority


@pytest.mark.parametrize(("authority", "node", "expected"), [("gpu1", "gpu1", True), ("gpu1", "gpu2", False)])
def test_one_node_keeps_the_books(
    tmp_path: Path,
    authority: str,
    node: str,
    expected: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    assert read(write(tmp_path, {**GOOD, "authority": authority, "node": node})).is_authority is expected


@pytest.mark.parametrize(
    ("place", "value", "names"),
    [
        ("providers.0.url", "http://api.example.com/v1", "frontier.providers[0].url"),
        ("providers.0.url", "https://user@api.example.com/v1", "frontier.providers[0].url"),
        ("providers.0.url", "https://api.example.com:99999/v1", "frontier.providers[0].url"),
        ("providers.0.credential", "internal-key", "frontier.providers[0].credential"),
        ("providers.0.credential", "tls.key", "frontier.providers[0].credential"),
        ("providers", [*FRONTIER["providers"], FRONTIER["providers"][0]], "frontier.providers: name"),
        ("routes", [*FRONTIER["routes"], FRONTIER["routes"][0]], "frontier.routes: model"),
        ("routes.0.local", "none", "frontier.routes: local"),
        ("routes.0.model", "m", "frontier.routes: model"),
        ("providers.0.protocol", "gopher", "frontier.providers[0].protocol"),
        ("routes.0.provider", "other", "frontier.routes: provider"),
        ("routes.0.when", "never", "frontier.routes[0].when"),
        ("share_ppm", 1_000_001, "frontier.share_ppm"),
        ("share_ppm", True, "frontier.share_ppm"),
        ("nano_usd_per_day", -1, "frontier.nano_usd_per_day"),
        ("windows", 7, "frontier.windows"),
    ],
)
def test_a_doubtful_exception_is_refused(tmp_path: Path, place: str, value: Any, names: str) -> None:
    whole = json.loads(json.dumps({**GOOD, "frontier": FRONTIER}))
    *way, last = place.split(".")
    target = whole["frontier"]
    for step in way:
        target = target[int(step) if step.isdigit() else step]
    target[last] = value
    assert [error.subject.partition(": ")[2] for error in refused(write(tmp_path, whole))] == [names]


def test_an_alias_leads_to_a_model_that_is_there(tmp_path: Path) -> None:
    (error,) = refused(write(tmp_path, {**GOOD, "aliases": {"gpt-5": "none"}}))
    assert error.subject.endswith("aliases.gpt-5")
