"""llama.cpp on the very weights that vLLM was given: the catalogue's GGUF file, dequantised to f16.

Run as ``python llama_cpp.py FILE PORT < questions.json``; prints the answers as JSON. In a process of its own, for the
engine cannot be taken down again. The quantised file itself answers otherwise: llama.cpp then rounds activations to 8
bits too, which a model of this size does not survive on every question.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import urllib.request
from pathlib import Path

import gguf
import numpy as np

TOKENS = 16


def main() -> None:
    """Serve the dequantised model and ask it."""
    source, port = Path(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "f16.gguf"
        dequantise(source, model)
        xllamacpp = importlib.import_module("xllamacpp")
        parameters = xllamacpp.CommonParams()
        parameters.model.path, parameters.hostnames, parameters.port = str(model), ["127.0.0.1"], port
        parameters.n_ctx, parameters.n_parallel, parameters.cpuparams.n_threads = 2048, 1, 1
        server = xllamacpp.Server(parameters)
        print(json.dumps([ask(port, question) for question in json.load(sys.stdin)]), flush=True)
        del server


def dequantise(source: Path, target: Path) -> None:
    """The same file with matrices as f16."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "llama")
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in {"general.architecture", "general.file_type"}:
            continue
        if field.types[0] is gguf.GGUFValueType.ARRAY:
            writer.add_array(name, field.contents())
        else:
            writer.add_key_value(name, field.contents(), field.types[0])
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, values.astype(np.float16 if values.ndim > 1 else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def ask(port: int, question: str) -> str:
    """The answer at temperature 0."""
    body = {"messages": [{"role": "user", "content": question}], "max_tokens": TOKENS, "temperature": 0}
    address = f"http://127.0.0.1:{port}/v1/chat/completions"
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310  loopback
        text: str = json.load(answer)["choices"][0]["message"]["content"]
    return text


if __name__ == "__main__":
    main()
