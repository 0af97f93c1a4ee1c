"""A GGUF file of the llama architecture becomes a checkpoint that says the same."""

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file

from freehold.errors import RefusedError
from freehold.weights.llama_checkpoint import convert, unpermuted

HEADS, HEADS_KV, WIDTH, INNER = 2, 1, 8, 12
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "a", "b", "ab"]


def permuted(values: np.ndarray, heads: int) -> np.ndarray:
    """What llama.cpp's converter does to query and key."""
    rows, columns = values.shape
    return values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write(path: Path, pre: str = "smollm") -> dict[str, np.ndarray]:
    """A model of one layer; returns its tensors as transformers would have them."""
    random = np.random.default_rng(1)
    shapes = {
        "model.embed_tokens": (len(TOKENS), WIDTH),
        "model.layers.0.self_attn.q_proj": (WIDTH, WIDTH),
        "model.layers.0.self_attn.k_proj": (WIDTH // HEADS * HEADS_KV, WIDTH),
        "model.layers.0.mlp.down_proj": (WIDTH, INNER),
        "model.layers.0.input_layernorm": (WIDTH,),
        "model.norm": (WIDTH,),
    }
    wanted = {name: random.standard_normal(shape).astype(np.float16) for name, shape in shapes.items()}
    places = ("token_embd", "blk.0.attn_q", "blk.0.attn_k", "blk.0.ffn_down", "blk.0.attn_norm", "output_norm")
    writer = gguf.GGUFWriter(path, "llama")
    for place, values in zip(places, wanted.values(), strict=True):
        heads = {"blk.0.attn_q": HEADS, "blk.0.attn_k": HEADS_KV}.get(place)
        writer.add_tensor(f"{place}.weight", permuted(values, heads) if heads else values)
    write_metadata(writer, pre)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return wanted


def write_metadata(writer: gguf.GGUFWriter, pre: str) -> None:
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS_KV)
    writer.add_rope_freq_base(100000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 3, 3, 1, 1, 1])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template("{{ messages }}")


def test_every_weight_is_what_it_was_before_llama_cpp_reordered_it(tmp_path: Path) -> None:
    wanted = write(tmp_path / "m.gguf")
    convert(tmp_path / "m.gguf", tmp_path)
    found = load_file(tmp_path / "model.safetensors")
    assert found.keys() == {f"{name}.weight" for name in wanted}
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[f"{name}.weight"], values)


def test_the_order_of_heads_matters() -> None:
    """Positive control: with another number of heads the rows come out elsewhere."""
    values = np.arange(16.0).reshape(8, 2)
    assert not np.array_equal(unpermuted(permuted(values, 2), 1), values)
    np.testing.assert_array_equal(unpermuted(permuted(values, 2), 2), values)


def test_shape_vocabulary_and_template_come_from_the_file(tmp_path: Path) -> None:
    write(tmp_path / "m.gguf")
    convert(tmp_path / "m.gguf", tmp_path)
    config, tokenizer, settings = (
        json.loads((tmp_path / name).read_text()) for name in ("config.json", "tokenizer.json", "tokenizer_config.json")
    )
    assert (config["head_dim"], config["rms_norm_eps"], config["eos_token_id"]) == (4, 1e-5, 2)
    assert tokenizer["model"]["merges"] == [["a", "b"]]
    assert [token["content"] for token in tokenizer["added_tokens"]] == TOKENS[:3]
    assert (settings["eos_token"], settings["chat_template"]) == ("<|im_end|>", "{{ messages }}")


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "m.gguf")
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        convert(tmp_path / "m.gguf", folder)
    one, two = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert one == two
    assert len(one) == 5


def test_another_vocabulary_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "m.gguf", pre="llama-bpe")
    with pytest.raises(RefusedError, match="WEIGHTS_CONVERSION"):
        convert(tmp_path / "m.gguf", tmp_path)
