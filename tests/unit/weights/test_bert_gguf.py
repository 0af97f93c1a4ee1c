"""The converted embedding model has the shape that the engine reads, and computes what the original computes."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from freehold.weights.bert_gguf import Array, Checkpoint, convert, read_checkpoint, stored_token
from freehold.weights.bert_reference import cosine, embed

CONFIG = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 12,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "type_vocab_size": 2,
}
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "walk", "##ing", "home", "!")


def made(seed: int = 7) -> Checkpoint:
    random = np.random.default_rng(seed)
    wide, inner = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(WORDS), int(wide)),
        "embeddings.position_embeddings.weight": (12, int(wide)),
        "embeddings.token_type_embeddings.weight": (2, int(wide)),
        "embeddings.LayerNorm.weight": (int(wide),),
        "embeddings.LayerNorm.bias": (int(wide),),
        "embeddings.position_ids": (1, 12),
        "pooler.dense.weight": (int(wide), int(wide)),
    }
    for layer in range(2):
        for name, rows, columns in (
            ("attention.self.query", wide, wide),
            ("attention.self.key", wide, wide),
            ("attention.self.value", wide, wide),
            ("attention.output.dense", wide, wide),
            ("intermediate.dense", inner, wide),
            ("output.dense", wide, inner),
        ):
            shapes[f"encoder.layer.{layer}.{name}.weight"] = (int(rows), int(columns))
            shapes[f"encoder.layer.{layer}.{name}.bias"] = (int(rows),)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"encoder.layer.{layer}.{name}.weight"] = (int(wide),)
            shapes[f"encoder.layer.{layer}.{name}.bias"] = (int(wide),)
    tensors = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return Checkpoint(CONFIG, WORDS, tensors)


@pytest.fixture
def reader(tmp_path: Path) -> gguf.GGUFReader:
    convert(made(), tmp_path / "m.gguf", "tiny")
    return gguf.GGUFReader(tmp_path / "m.gguf")


def test_the_same_checkpoint_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        convert(made(), tmp_path / name, "tiny")
    convert(made(seed=8), tmp_path / "other", "tiny")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").read_bytes() != (tmp_path / "other").read_bytes()


def test_the_header_says_what_the_engine_needs(reader: gguf.GGUFReader) -> None:
    said = {name: field.contents() for name, field in reader.fields.items()}
    assert said["general.architecture"] == "bert"
    assert said["bert.pooling_type"] == gguf.PoolingType.MEAN
    assert said["bert.attention.causal"] is False
    assert (said["bert.block_count"], said["bert.embedding_length"], said["bert.context_length"]) == (2, 16, 12)
    assert (said["tokenizer.ggml.bos_token_id"], said["tokenizer.ggml.eos_token_id"]) == (2, 3)
    assert said["tokenizer.ggml.tokens"][5:] == ["▁walk", "ing", "▁home", "▁!"]
    assert said["tokenizer.ggml.token_type"][:6] == [3, 2, 3, 3, 3, 1]


def test_matrices_are_f16_vectors_f32_and_the_pooler_is_left_out(reader: gguf.GGUFReader) -> None:
    kinds = {tensor.name: tensor.tensor_type for tensor in reader.tensors}
    assert kinds["token_embd.weight"] == gguf.GGMLQuantizationType.F16
    assert kinds["blk.1.ffn_up.weight"] == gguf.GGMLQuantizationType.F16
    assert kinds["blk.1.ffn_up.bias"] == gguf.GGMLQuantizationType.F32
    assert len(kinds) == 5 + 2 * 16
    assert not any("pool" in name for name in kinds)


def test_the_converted_tensors_compute_the_same_embedding(tmp_path: Path) -> None:
    original = made()
    convert(original, tmp_path / "m.gguf", "tiny")
    stored = {
        tensor.name: np.asarray(tensor.data, dtype=np.float32)
        for tensor in gguf.GGUFReader(tmp_path / "m.gguf").tensors
    }
    back = Checkpoint(CONFIG, WORDS, {name: _find(stored, name, data) for name, data in original.tensors.items()})
    tokens = [2, 5, 6, 7, 8, 3]
    assert cosine(embed(original, tokens), embed(back, tokens)) > 0.999
    # The positive control: another text is told apart.
    assert cosine(embed(original, tokens), embed(back, [2, 8, 3])) < 0.999


def _find(stored: dict[str, Array], name: str, data: Array) -> Array:
    """The stored tensor closest to the original: the mapping of names must not be what tests itself."""
    if name.startswith(("pooler", "embeddings.position_ids")):
        return data
    same = [tensor for tensor in stored.values() if tensor.shape == data.shape]
    return min(same, key=lambda tensor: float(np.abs(tensor - data).max()))


def test_an_unknown_tensor_is_an_error_not_a_gap(tmp_path: Path) -> None:
    odd = made()
    odd.tensors["encoder.layer.0.rotary.weight"] = np.zeros((4, 4), dtype=np.float32)
    with pytest.raises(ValueError, match="rotary"):
        convert(odd, tmp_path / "m.gguf", "tiny")


def test_tokens_mark_the_start_of_words() -> None:
    assert [stored_token(token) for token in ("##ing", "walk", "[CLS]")] == ["ing", "▁walk", "[CLS]"]


def test_a_checkpoint_is_read_from_its_folder(tmp_path: Path) -> None:
    from safetensors.numpy import save_file  # noqa: PLC0415

    (tmp_path / "config.json").write_text('{"hidden_size": 16}')
    (tmp_path / "vocab.txt").write_text("[PAD]\nwalk\n")
    save_file({"a": np.ones((2, 2), dtype=np.float32)}, tmp_path / "model.safetensors")
    checkpoint = read_checkpoint(tmp_path)
    assert checkpoint.vocabulary == ("[PAD]", "walk")
    assert checkpoint.tensors["a"].shape == (2, 2)
