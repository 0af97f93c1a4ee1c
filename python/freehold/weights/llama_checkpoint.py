"""A Llama model out of a GGUF file into a checkpoint folder, as vLLM and transformers read one. Byte-reproducible.

Only what SmolLM2 needs: the architecture ``llama`` with tied embeddings and a byte-level BPE vocabulary. Everything is
derived from the one file: shapes, vocabulary, merges and chat template from its metadata, weights dequantised to f16. A
quantised weight stays what it was rounded to, so both engines answer with the same model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from freehold.errors import RefusedError

Array = NDArray[np.float16]
Metadata = Mapping[str, Any]

_INNER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}


def convert(source: Path, folder: Path) -> None:
    """Write the five files of a checkpoint into ``folder``. Raises :class:`RefusedError` for another kind of model."""
    reader = gguf.GGUFReader(source)
    data = {name: field.contents() for name, field in reader.fields.items()}
    _require_known(data, source)
    _write(folder / "config.json", _config(data))
    _write(folder / "generation_config.json", _special_ids(data))
    _write(folder / "tokenizer.json", _tokenizer(data))
    _write(folder / "tokenizer_config.json", _tokenizer_config(data))
    heads = {"attn_q": data["llama.attention.head_count"], "attn_k": data["llama.attention.head_count_kv"]}
    # Sorted by name: the bytes are those of the weights, not of the order in which they were read.
    save_file(dict(sorted(_tensors(reader, heads))), folder / "model.safetensors", metadata={"format": "pt"})


def _require_known(data: Metadata, source: Path) -> None:
    known = {"general.architecture": "llama", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm"}
    found = {key: data.get(key) for key in known}
    if found != known:
        raise RefusedError(
            "WEIGHTS_CONVERSION",
            source.name,
            json.dumps(found),
            expected=json.dumps(known),
            why="another vocabulary or another order of weights would give a model that answers nonsense",
            fix="serve the file with llama_cpp, or import a checkpoint in safetensors",
        )


def _tensors(reader: gguf.GGUFReader, heads: Mapping[str, int]) -> Iterator[tuple[str, Array]]:
    for tensor in reader.tensors:
        place, *rest = tensor.name.split(".")
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        if place == "blk":
            layer, part = rest[0], rest[1]
            name = f"model.layers.{layer}.{_INNER[part]}.weight"
            values = unpermuted(values, heads[part]) if part in heads else values
        else:
            name = f"{_OUTER[place]}.weight"
        yield name, np.ascontiguousarray(values, dtype=np.float16)


def unpermuted(values: NDArray[Any], heads: int) -> NDArray[Any]:
    """Rows of a query or key projection as the checkpoint has them.

    llama.cpp turns neighbouring rows of a head, transformers the first half against the second; llama.cpp's converter
    permutes, and this is its inverse. ``values`` is (rows, columns); rows is a multiple of twice ``heads``.
    """
    rows, columns = values.shape
    return values.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _special_ids(data: Metadata) -> dict[str, int]:
    return {f"{name}_token_id": data[f"tokenizer.ggml.{key}_token_id"] for name, key in _SPECIAL.items()}


_SPECIAL = {"bos": "bos", "eos": "eos", "pad": "padding"}


def _config(data: Metadata) -> dict[str, Any]:
    heads = data["llama.attention.head_count"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "torch_dtype": "float16",
        **_special_ids(data),
        "hidden_size": data["llama.embedding_length"],
        "intermediate_size": data["llama.feed_forward_length"],
        "num_hidden_layers": data["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": data["llama.attention.head_count_kv"],
        "head_dim": data["llama.embedding_length"] // heads,
        "hidden_act": "silu",
        "max_position_embeddings": data["llama.context_length"],
        # Stored as a 32-bit number: 1e-5 reads back as 9.999999747378752e-06.
        "rms_norm_eps": float(f"{data['llama.attention.layer_norm_rms_epsilon']:.6g}"),
        "rope_theta": data["llama.rope.freq_base"],
        "vocab_size": data["llama.vocab_size"],
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
    }


def _tokenizer(data: Metadata) -> dict[str, Any]:
    tokens, kinds = data["tokenizer.ggml.tokens"], data["tokenizer.ggml.token_type"]
    special = [number for number, kind in enumerate(kinds) if kind == gguf.TokenType.CONTROL]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    bytes_ = {"type": "ByteLevel", "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, "content": tokens[number], **flags} for number in special],
        "normalizer": None,
        # What llama.cpp does for the pre-tokenizer "smollm": single digits, then GPT-2's pattern.
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, {**bytes_, "add_prefix_space": False}]},
        "post_processor": None,
        "decoder": {**bytes_, "add_prefix_space": True},
        "model": _pairs(tokens, data["tokenizer.ggml.merges"]),
    }


def _pairs(tokens: list[str], merges: list[str]) -> dict[str, Any]:
    unused = dict.fromkeys(("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"))
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return {
        "type": "BPE",
        **unused,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": vocabulary,
        "merges": [merge.split(" ") for merge in merges],
    }


def _tokenizer_config(data: Metadata) -> dict[str, Any]:
    tokens = data["tokenizer.ggml.tokens"]
    named = {f"{name}_token": tokens[data[f"tokenizer.ggml.{key}_token_id"]] for name, key in _SPECIAL.items()}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **named,
        "unk_token": tokens[data["tokenizer.ggml.unknown_token_id"]],
        "model_max_length": data["llama.context_length"],
        "clean_up_tokenization_spaces": False,
        "chat_template": data["tokenizer.chat_template"],
    }


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
