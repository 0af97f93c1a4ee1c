"""Models of random numbers, small enough to be made for a test: a chat model and an encoder of one layer or two.

They answer nonsense, quickly. Only the shapes matter: the real llama.cpp loads them.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

WIDTH, HEADS, INNER, CONTEXT = 32, 2, 64, 512
BYTES = [f"<0x{number:02X}>" for number in range(256)]
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
Tensors = dict[str, tuple[int, ...]]


def chat(path: Path) -> Path:
    """Write a decoder of two layers whose tokens are bytes."""
    writer = gguf.GGUFWriter(path, "llama")
    _common(writer, blocks=2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    tokens = ["<unk>", "<s>", "</s>", *BYTES]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    _vocabulary(writer, "llama", tokens, [*kinds, *[gguf.TokenType.BYTE] * len(BYTES)])
    writer.add_chat_template(TEMPLATE)
    shapes: Tensors = {"token_embd": (len(tokens), WIDTH), "output_norm": (WIDTH,), "output": (len(tokens), WIDTH)}
    for block in ("blk.0", "blk.1"):
        shapes |= {f"{block}.{name}": (WIDTH, WIDTH) for name in ("attn_q", "attn_k", "attn_v", "attn_output")}
        shapes |= {f"{block}.{name}": (WIDTH,) for name in ("attn_norm", "ffn_norm")}
        shapes |= {f"{block}.ffn_gate": (INNER, WIDTH), f"{block}.ffn_up": (INNER, WIDTH)}
        shapes |= {f"{block}.ffn_down": (WIDTH, INNER)}
    return _write(writer, {f"{name}.weight": shape for name, shape in shapes.items()}, path)


def encoder(path: Path) -> Path:
    """Write a BERT of one layer with mean pooling, whose words are letters."""
    writer = gguf.GGUFWriter(path, "bert")
    _common(writer, blocks=1)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(value=False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_token_type_count(2)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [f"\u2581{letter}" for letter in "abcdefghij"]
    kinds = [gguf.TokenType.CONTROL] * len(special) + [gguf.TokenType.NORMAL] * len(letters)
    _vocabulary(writer, "bert", [*special, *letters], kinds)
    for add, number in ((writer.add_bos_token_id, 2), (writer.add_eos_token_id, 3), (writer.add_sep_token_id, 3)):
        add(number)
    return _write(writer, _encoder_shapes(len(special) + len(letters)), path)


def _encoder_shapes(words: int) -> Tensors:
    square = ("attn_q", "attn_k", "attn_v", "attn_output")
    weights: Tensors = {"token_embd": (words, WIDTH), "position_embd": (CONTEXT, WIDTH), "token_types": (2, WIDTH)}
    weights |= {f"blk.0.{name}": (WIDTH, WIDTH) for name in square}
    weights |= {"blk.0.ffn_up": (INNER, WIDTH), "blk.0.ffn_down": (WIDTH, INNER)}
    norms = dict.fromkeys(("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"), (WIDTH,))
    biases = {**norms, **{f"blk.0.{name}": (WIDTH,) for name in (*square, "ffn_down")}, "blk.0.ffn_up": (INNER,)}
    return {f"{name}.weight": shape for name, shape in {**weights, **norms}.items()} | {
        f"{name}.bias": shape for name, shape in biases.items()
    }


def _common(writer: gguf.GGUFWriter, *, blocks: int) -> None:
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def _vocabulary(writer: gguf.GGUFWriter, model: str, tokens: list[str], kinds: list[gguf.TokenType]) -> None:
    writer.add_tokenizer_model(model)
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)


def _write(writer: gguf.GGUFWriter, shapes: Tensors, path: Path) -> Path:
    chance = np.random.default_rng(7)
    for name, shape in shapes.items():
        values = np.ones(shape) if "norm.weight" in name else chance.normal(0, 0.05, shape)
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
