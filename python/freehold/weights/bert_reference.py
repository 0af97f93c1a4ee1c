"""What the embedding model should answer: a BERT encoder in numpy, slow and plain, to judge an engine by.

Written from the architecture (Devlin et al. 2018; post-norm encoder, exact GELU) and from sentence-transformers' mean
pooling over the attention mask followed by L2 normalisation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from freehold.weights.bert_gguf import Array, Checkpoint

_erf = np.vectorize(math.erf, otypes=[np.float32])


def embed(checkpoint: Checkpoint, tokens: Sequence[int]) -> Array:
    """The unit-length embedding of one text, given its token ids with ``[CLS]`` and ``[SEP]``."""
    tensors, config = checkpoint.tensors, checkpoint.config
    state = (
        tensors["embeddings.word_embeddings.weight"][np.asarray(tokens)]
        + tensors["embeddings.position_embeddings.weight"][: len(tokens)]
        + tensors["embeddings.token_type_embeddings.weight"][0]
    )
    state = _norm(checkpoint, "embeddings.LayerNorm", state)
    for layer in range(config["num_hidden_layers"]):
        state = _layer(checkpoint, f"encoder.layer.{layer}", state)
    mean: Array = state.mean(axis=0)
    return mean / np.float32(np.linalg.norm(mean))


def cosine(one: Array, other: Array) -> float:
    """Cosine of the angle between two vectors."""
    return float(np.dot(one, other) / (np.linalg.norm(one) * np.linalg.norm(other)))


def _layer(checkpoint: Checkpoint, name: str, state: Array) -> Array:
    attended = _dense(checkpoint, f"{name}.attention.output.dense", _attention(checkpoint, name, state))
    state = _norm(checkpoint, f"{name}.attention.output.LayerNorm", attended + state)
    inner = _dense(checkpoint, f"{name}.intermediate.dense", state)
    inner = inner * 0.5 * (1.0 + _erf(inner / math.sqrt(2.0)))
    return _norm(checkpoint, f"{name}.output.LayerNorm", _dense(checkpoint, f"{name}.output.dense", inner) + state)


def _attention(checkpoint: Checkpoint, name: str, state: Array) -> Array:
    heads = checkpoint.config["num_attention_heads"]
    width = state.shape[1] // heads
    query, key, value = (
        _dense(checkpoint, f"{name}.attention.self.{part}", state).reshape(-1, heads, width).transpose(1, 0, 2)
        for part in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 2, 1) / np.float32(math.sqrt(width))
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = (scores / scores.sum(axis=-1, keepdims=True)) @ value
    result: Array = mixed.transpose(1, 0, 2).reshape(state.shape)
    return result


def _dense(checkpoint: Checkpoint, name: str, state: Array) -> Array:
    result: Array = state @ checkpoint.tensors[f"{name}.weight"].T + checkpoint.tensors[f"{name}.bias"]
    return result


def _norm(checkpoint: Checkpoint, name: str, state: Array) -> Array:
    centred = state - state.mean(axis=-1, keepdims=True)
    scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + checkpoint.config["layer_norm_eps"])
    result: Array = centred / scale * checkpoint.tensors[f"{name}.weight"] + checkpoint.tensors[f"{name}.bias"]
    return result
