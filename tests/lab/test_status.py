"""`freehold status` as a user runs it: the same in tables and JSON, with what is simulated said in each."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from testinfra.host import Host

STATUS = [sys.executable, "-m", "freehold", "status"]


def status(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*STATUS, *options], capture_output=True, text=True, timeout=120, check=False)


def test_a_healthy_lab_is_sovereign_and_says_what_is_simulated() -> None:
    done = status("--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["verdict"], report["simulated"]) == (0, "SOVEREIGN", ["gpu", "frontier"])
    assert report["serving"]
    (node,) = (node for node in report["nodes"] if node["name"] == "gpu1")
    assert (node["gpus"]["count"], node["gpus"]["simulated"]) == (8, True)
    assert node["probe"]["answered"]
    assert report["energy_and_cost"]["simulated"]
    assert report["energy_and_cost"]["completion_tokens"] > 0
    assert {model["name"]: set(model["verified"].values()) for model in report["models"]} == {
        "smollm2-135m-instruct": {"ok"},
        "all-minilm-l6-v2": {"ok"},
    }


def test_the_tables_mark_every_simulated_figure() -> None:
    text = status().stdout
    assert "Verdict of the first checks: SOVEREIGN" in text
    for figure in ("8 of 8 NVIDIA H200", r"\d+ W", "energy", "electricity", "hardware", "together"):
        assert re.search(rf"{figure}[^\n]{{0,12}}\(simulated\)", text), figure


def test_the_exporter_says_that_its_gpus_are_simulated(node: Host) -> None:
    page = node.check_output("curl -s http://127.0.0.1:9400/metrics")
    assert 'freehold_simulated{part="gpu"} 1' in page
    assert 'modelName="NVIDIA H200 (simulated)"' in page
    assert page.count("\nDCGM_FI_DEV_GPU_TEMP{") == 8


@pytest.fixture
def stopped_gateway(node: Host) -> Iterator[None]:
    node.check_output("systemctl stop freehold-gateway.socket")  # the service alone would come back
    yield
    node.check_output("systemctl start freehold-gateway")


@pytest.mark.usefixtures("stopped_gateway")
def test_a_gateway_that_is_down_shows() -> None:
    done = status("--json")
    report = json.loads(done.stdout)
    (node,) = (node for node in report["nodes"] if node["name"] == "gpu1")
    assert (done.returncode, report["serving"]) == (1, False)
    assert not node["probe"]["answered"]
    assert node["services"]["freehold-gateway.service"] != "active"
    assert report["energy_and_cost"]["nodes_unreadable"] == ["gpu1"]
