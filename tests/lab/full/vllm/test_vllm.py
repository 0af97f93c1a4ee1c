"""The real vLLM on the CPU, by the same roles from the same bundle: what it says, counts and writes down.

`make test-full` converges a lab of one node to it and runs tests/lab/test_endpoint.py too.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host
from tests.lab.world import Document, Outside
from tests.ports import free_port

from freehold.bundle.layout import Tree
from freehold.bundle.models import Foundry
from freehold.paths import cache_folder
from freehold.status.gather import Access
from freehold.weights.catalogue import read_catalogue

CHAT = "freehold-runtime@smollm2-135m-instruct.service"
VECTORS = "freehold-runtime@all-minilm-l6-v2.service"


@pytest.fixture(scope="module", autouse=True)
def engine(document: Document) -> None:
    """Nothing here says anything of a lab with another engine."""
    assert {model["engine"] for model in document["models"]} == {"vllm"}


def metrics(node: Host, port: int) -> dict[str, float]:
    """The counters of one instance, by name, their labels left out."""
    key = "/etc/freehold/credentials/internal-key"
    script = f'curl -sS -H "Authorization: Bearer $(cat {key})" http://127.0.0.1:{port}/metrics'
    lines = node.check_output(f"sh -c '{script}'").splitlines()
    found = (re.fullmatch(r"(vllm:\w+)\{[^}]*\} (\S+)", line) for line in lines)
    return {match[1]: float(match[2]) for match in found if match}


def port_of(document: Document, kind: str) -> int:
    return next(int(model["port"]) for model in document["models"] if model["kind"] == kind)


def ask(outside: Outside, endpoint: str, access: Access, question: str, tokens: int = 32) -> dict[str, Any]:
    message = {"role": "user", "content": question}
    body = {"model": "smollm2-135m-instruct", "messages": [message], "max_tokens": tokens, "temperature": 0}
    key = f"Authorization: Bearer {access.client_key}"
    words = ["curl", "-sS", f"{endpoint}/chat/completions", "-H", key, "-H", "Content-Type: application/json"]
    answer: dict[str, Any] = json.loads(outside(*words, "-d", json.dumps(body)).stdout)
    return answer


def test_both_models_run_in_vllm_under_the_services_sandbox(node: Host) -> None:
    for unit in (CHAT, VECTORS):
        shown = node.check_output(f"systemctl show --property ActiveState,ExecStart,ProtectSystem {unit}")
        assert "ActiveState=active" in shown
        assert "/opt/freehold/venvs/vllm/bin/vllm serve" in shown
        assert "ProtectSystem=strict" in shown


def test_no_sidecar_of_another_engine_is_left(node: Host) -> None:
    assert not node.file("/etc/systemd/system/freehold-embedding.service").exists


def test_it_is_the_release_that_a_rack_gets(node: Host) -> None:
    words = "import importlib.metadata as m; print(m.version(chr(118) + chr(108) * 2 + chr(109)))"
    assert node.check_output(f'/opt/freehold/venvs/vllm/bin/python -c "{words}"') == "0.32.0+cpu"


def test_it_answers_a_question_that_the_model_knows(outside: Outside, endpoint: str, access: Access) -> None:
    """Weights, order of heads, vocabulary and template were converted: one of them wrong, and it would babble."""
    answer = json.dumps(ask(outside, endpoint, access, "What is the capital of France?"))
    assert "Paris" in answer


def test_the_same_question_gets_the_same_answer(outside: Outside, endpoint: str, access: Access) -> None:
    first, second = (ask(outside, endpoint, access, "List three colours.")["choices"] for _ in range(2))
    assert first == second


def test_its_own_counters_count_what_the_gateway_let_through(
    node: Host, document: Document, outside: Outside, endpoint: str, access: Access
) -> None:
    port = port_of(document, "chat")
    before = metrics(node, port)
    answer = ask(outside, endpoint, access, "Who owns a freehold?")
    usage = answer["usage"]
    after = metrics(node, port)
    counted = {name: after[f"vllm:{name}_tokens_total"] - before[f"vllm:{name}_tokens_total"] for name in USAGE}
    assert counted == {name: usage[field] for name, field in USAGE.items()}


QUESTIONS = (
    "What is the capital of France?",
    "Who owns a freehold?",
    "Write one sentence about rice.",
    "Explain gravity to a child.",
    "List three colours.",
)


def test_it_says_word_for_word_what_llama_cpp_says_with_the_same_weights(
    outside: Outside, endpoint: str, access: Access, tmp_path: Path
) -> None:
    (recipe,) = (one for one in read_catalogue() if (one.manifest.kind, one.engine) == ("chat", "llama_cpp"))
    cache = cache_folder() / "weights"
    (file,) = Foundry(cache, Tree().weights_lock).make(recipe, lambda _: None).values()
    words = [sys.executable, str(Path(__file__).with_name("llama_cpp.py")), str(file), str(free_port())]
    done = subprocess.run(words, input=json.dumps(QUESTIONS), capture_output=True, text=True, cwd=tmp_path, check=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    # Sixteen tokens: later on, a rounding in another order of sums may tip the balance between two words.
    assert [text_of(ask(outside, endpoint, access, question, 16)) for question in QUESTIONS] == theirs


def text_of(answer: dict[str, Any]) -> str:
    return str(answer["choices"][0]["message"]["content"])


USAGE = {"prompt": "prompt_tokens", "generation": "completion_tokens"}


def test_the_pooling_instance_counts_too(node: Host, document: Document) -> None:
    assert any(name.startswith("vllm:") for name in metrics(node, port_of(document, "embedding")))
