"""Settings of the services, read back by the programs that will read them on the node."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.roles.role import CHAT, DIGEST, EMBEDDING, Role, unit

from freehold.gateway import config as gateway_config
from freehold.runtime import config as runtime_config

VLLM_CHAT: dict[str, Any] = {**CHAT, "engine": "vllm", "gpus": [0, 1, 2, 3], "parallel": 64, "context": 131072}


def vllm(model: dict[str, Any], **given: Any) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The arguments file of a model, and the service section of its drop-in."""
    values = {"inference_runtime_engine": "vllm", "inference_runtime_models": [model], **given}
    role = Role("inference_runtime", values)
    arguments = yaml.safe_load(role.render("vllm.yaml.j2", __inference_runtime_model=model))
    return arguments, unit(role.render("instance.conf.j2", __inference_runtime_model=model))["Service"]


@pytest.mark.parametrize(
    ("role", "template", "more", "mode"),
    [
        (Role("inference_runtime"), "llama_cpp.json.j2", {"__inference_runtime_model": CHAT}, "chat"),
        (Role("embedding_sidecar"), "embedding.json.j2", {}, "embedding"),
    ],
)
def test_the_cpu_engine_reads_its_settings(
    role: Role, template: str, more: dict[str, Any], mode: str, tmp_path: Path
) -> None:
    made = json.loads(role.render(template, **more))
    assert made["model"].startswith("/var/lib/freehold/weights/models/small-")
    assert made["model"].endswith(".gguf")
    # The file of the weights is on the node only.
    weights = tmp_path / "model.gguf"
    weights.touch()
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({**made, "model": str(weights)}), encoding="utf-8")
    read = runtime_config.read(file)
    assert (read.host, read.mode, read.threads) == ("127.0.0.1", mode, 1)


def test_the_gateway_reads_its_settings(tmp_path: Path) -> None:
    file = tmp_path / "gateway.json"
    file.write_text(Role("gateway", {"gateway_simulated": ["gpu"]}).render("gateway.json.j2"), encoding="utf-8")
    read = gateway_config.read(file)
    assert (read.listen.host, read.listen.port, read.metrics.host) == ("192.0.2.11", 8080, "127.0.0.1")
    assert [(model.name, model.url) for model in read.models] == [
        ("small-chat", "http://127.0.0.1:18000"),
        ("small-vectors", "http://127.0.0.1:18100"),
    ]
    assert read.simulated == ("gpu",)
    assert read.keys[0].sha256 == DIGEST


@pytest.mark.parametrize(
    ("given", "url", "peers"),
    [
        ({"gateway_report_url": "http://127.0.0.1:9096"}, "http://127.0.0.1:9096", ()),
        ({"gateway_report_url": "http://127.0.0.1:9096", "gateway_monitors": ["gpu1"]}, "http://127.0.0.1:9096", ()),
        ({"gateway_monitors": ["gpu1", "gpu2"], "gateway_mesh_host": "198.51.100.11"}, "", ("gpu1", "gpu2")),
    ],
)
def test_the_gateway_is_told_where_the_status_page_is_from(
    given: dict[str, Any], url: str, peers: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "gateway.json"
    file.write_text(Role("gateway", given).render("gateway.json.j2"), encoding="utf-8")
    assert gateway_config.read(file).report == gateway_config.Report(url, peers)
    assert "report" not in json.loads(Role("gateway").render("gateway.json.j2"))


def test_vllm_gets_exactly_these_arguments() -> None:
    arguments, _ = vllm(VLLM_CHAT)
    assert arguments == {
        "model": "/var/lib/freehold/weights/models/small-chat/files",
        "served-model-name": ["small-chat"],
        "host": "127.0.0.1",
        "port": 18000,
        "max-model-len": 131072,
        "max-num-seqs": 64,
        "tensor-parallel-size": 4,
        "allowed-media-domains": ["media.invalid"],
        "load-format": "safetensors",
        "enable-prompt-tokens-details": True,
    }


def test_vllm_uses_the_gpus_that_are_named_and_waits_until_it_answers() -> None:
    _, service = vllm(VLLM_CHAT)
    assert service["Environment"] == ["CUDA_VISIBLE_DEVICES=0,1,2,3"]
    assert service["ExecStartPost"][0].endswith("http://127.0.0.1:18000/health $MAINPID")


def test_vllm_sees_all_gpus_when_none_is_named() -> None:
    arguments, service = vllm({**CHAT, "engine": "vllm"})
    assert "Environment" not in service
    assert arguments["tensor-parallel-size"] == 1


def test_the_owner_can_split_a_model_otherwise_and_add_arguments() -> None:
    model = {**VLLM_CHAT, "tensor_parallel": 2, "extra_arguments": {"gpu-memory-utilization": 0.85}}
    arguments, _ = vllm(model)
    assert (arguments["tensor-parallel-size"], arguments["gpu-memory-utilization"]) == (2, 0.85)


def test_an_embedding_model_on_gpus_is_pooled() -> None:
    arguments, _ = vllm({**EMBEDDING, "engine": "vllm"})
    assert arguments["runner"] == "pooling"


def test_vllm_runs_no_code_from_a_checkpoint_and_has_its_key_from_the_credential() -> None:
    arguments, _ = vllm(VLLM_CHAT)
    assert not {"trust-remote-code", "api-key"} & set(arguments)
    role = Role("inference_runtime", {"inference_runtime_engine": "vllm", "inference_runtime_models": [VLLM_CHAT]})
    (command,) = unit(role.render("freehold-runtime@.service.vllm.j2"))["Service"]["ExecStart"]
    assert 'VLLM_API_KEY="$(cat "$$CREDENTIALS_DIRECTORY/internal-key")"' in command
    assert command.endswith("/opt/freehold/venvs/vllm/bin/vllm serve --config /etc/freehold/runtime/%i.yaml'")


def test_time_comes_from_the_owners_servers_and_nobody_elses() -> None:
    assert unit(Role("base").render("timesyncd.conf.j2"))["Time"] == {"NTP": ["192.0.2.1"], "FallbackNTP": [""]}


def test_names_are_never_asked_of_a_resolver_that_is_compiled_in() -> None:
    assert unit(Role("base").render("resolved.conf.j2"))["Resolve"] == {"FallbackDNS": [""]}


def test_the_journal_is_bounded() -> None:
    journal = unit(Role("base").render("journald.conf.j2"))["Journal"]
    assert (journal["SystemMaxUse"], journal["SystemKeepFree"]) == (["1G"], ["2G"])


def test_kernel_settings_are_those_of_the_trees_that_are_the_nodes_own() -> None:
    every = Role("base").render("sysctl.conf.j2").splitlines()
    assert "-vm.swappiness = 1" in every
    assert "-net.ipv4.conf.all.rp_filter = 2" in every
    lab = Role("base", {"base_sysctl_trees": ["net"]}).render("sysctl.conf.j2").splitlines()
    assert lab == [line for line in every if not line.startswith(("-vm", "-kernel"))]


def test_the_kernels_settings_are_read_after_every_numbered_file() -> None:
    files = Role("base").variables()["__base_files_always"]
    (path,) = (Path(file["path"]) for file in files if "sysctl" in file["path"])
    assert path.parent == Path("/etc/sysctl.d")
    assert max(["99-sysctl.conf", "99-zz-tuning.conf", "tuning.conf", path.name]) == path.name
