"""A BERT sentence encoder from safetensors to GGUF, for the CPU engine. Byte-reproducible.

Only what MiniLM needs: encoder-only BERT, WordPiece, mean pooling. The names of keys and tensors are those that
llama.cpp reads for the architecture ``bert`` (gguf's constants); matrices become f16, vectors stay f32.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

Array = NDArray[np.float32]

_OUTER = {
    "embeddings.word_embeddings": gguf.MODEL_TENSOR.TOKEN_EMBD,
    "embeddings.position_embeddings": gguf.MODEL_TENSOR.POS_EMBD,
    "embeddings.token_type_embeddings": gguf.MODEL_TENSOR.TOKEN_TYPES,
    "embeddings.LayerNorm": gguf.MODEL_TENSOR.TOKEN_EMBD_NORM,
}
_INNER = {
    "attention.self.query": gguf.MODEL_TENSOR.ATTN_Q,
    "attention.self.key": gguf.MODEL_TENSOR.ATTN_K,
    "attention.self.value": gguf.MODEL_TENSOR.ATTN_V,
    "attention.output.dense": gguf.MODEL_TENSOR.ATTN_OUT,
    "attention.output.LayerNorm": gguf.MODEL_TENSOR.ATTN_OUT_NORM,
    "intermediate.dense": gguf.MODEL_TENSOR.FFN_UP,
    "output.dense": gguf.MODEL_TENSOR.FFN_DOWN,
    "output.LayerNorm": gguf.MODEL_TENSOR.LAYER_OUT_NORM,
}
# In the checkpoint, but no part of a sentence's embedding.
_UNUSED = ("embeddings.position_ids", "pooler.")

_WORD_START = "\u2581"
_CONTINUES = "##"
_UNKNOWN = "[UNK]"


@dataclass(frozen=True)
class Checkpoint:
    """A folder as sentence-transformers writes it: config, WordPiece vocabulary by line, tensors by name."""

    config: dict[str, Any]
    vocabulary: tuple[str, ...]
    tensors: dict[str, Array]


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read ``config.json``, ``vocab.txt`` and ``model.safetensors``."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    vocabulary = tuple((folder / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n"))
    return Checkpoint(config, vocabulary, load_file(folder / "model.safetensors"))


def convert(checkpoint: Checkpoint, target: Path, name: str) -> None:
    """Write ``target``. The same checkpoint gives the same bytes: no date, no path, tensors in the order of names."""
    writer = gguf.GGUFWriter(target, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.BERT])
    _write_shape(writer, checkpoint.config, name)
    _write_vocabulary(writer, checkpoint)
    for tensor_name, data in sorted(_tensors(checkpoint.tensors)):
        writer.add_tensor(tensor_name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_shape(writer: gguf.GGUFWriter, config: dict[str, Any], name: str) -> None:
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(value=False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)


def _write_vocabulary(writer: gguf.GGUFWriter, checkpoint: Checkpoint) -> None:
    ids = {token: number for number, token in enumerate(checkpoint.vocabulary)}
    writer.add_tokenizer_model("bert")
    writer.add_token_list([stored_token(token) for token in checkpoint.vocabulary])
    writer.add_token_types([_token_type(token) for token in checkpoint.vocabulary])
    writer.add_token_type_count(checkpoint.config["type_vocab_size"])
    writer.add_bos_token_id(ids["[CLS]"])
    writer.add_eos_token_id(ids["[SEP]"])
    writer.add_unk_token_id(ids[_UNKNOWN])
    writer.add_sep_token_id(ids["[SEP]"])
    writer.add_pad_token_id(ids["[PAD]"])
    writer.add_mask_token_id(ids["[MASK]"])
    writer.add_add_bos_token(value=True)
    writer.add_add_eos_token(value=True)


def stored_token(token: str) -> str:
    """WordPiece marks the continuation of a word, GGUF its start: ``##ing`` is ``ing``, ``walk`` is ``▁walk``."""
    if _is_special(token):
        return token
    return token.removeprefix(_CONTINUES) if token.startswith(_CONTINUES) else _WORD_START + token


def _is_special(token: str) -> bool:
    return token.startswith("[") and token.endswith("]")


def _token_type(token: str) -> gguf.TokenType:
    if token == _UNKNOWN:
        return gguf.TokenType.UNKNOWN
    return gguf.TokenType.CONTROL if _is_special(token) else gguf.TokenType.NORMAL


def _tensors(tensors: dict[str, Array]) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, data in tensors.items():
        bare = name.removeprefix("bert.")
        if not bare.startswith(_UNUSED):
            # Position and type rows are added to every token and are few: f32 costs nothing there.
            small = data.ndim == 1 or "position" in bare or "token_type" in bare
            yield _gguf_name(bare), data.astype(np.float32 if small else np.float16)


def _gguf_name(name: str) -> str:
    module, _, leaf = name.rpartition(".")
    if module in _OUTER:
        return f"{gguf.TENSOR_NAMES[_OUTER[module]]}.{leaf}"
    encoder, layer, block, inner = (*module.split(".", 3), "", "", "")[:4]
    if (encoder, layer) != ("encoder", "layer") or inner not in _INNER:
        raise ValueError(f"{name}: no place for this tensor in a BERT encoder")
    return f"{gguf.TENSOR_NAMES[_INNER[inner]].format(bid=int(block))}.{leaf}"
