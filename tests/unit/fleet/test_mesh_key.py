"""Another WireGuard key than the one that peers were told of makes another word, and then no further one."""

from pathlib import Path
from typing import Any

import pytest

from freehold.fleet import mesh_key
from freehold.fleet.mesh_key import Told


@pytest.mark.parametrize("found", ["K1", None])
@pytest.mark.parametrize("word", ["", "K1 after K0"])
def test_a_key_that_is_known_or_unknown_keeps_the_word(found: str | None, word: str) -> None:
    assert Told("K1", word).next_word(found) == word


def test_another_key_and_a_lost_one_make_other_words_each_time() -> None:
    told = [Told("K1", ""), Told("K2", "K2 after K1")]
    words = [one.next_word(found) for one in told for found in ("K3", "K4", "")]
    assert len({*words, "", "K2 after K1"}) == len(words) + 2


def test_once_the_peers_were_told_it_settles(tmp_path: Path) -> None:
    path = mesh_key.path_of(tmp_path, "test", "gpu1")
    assert mesh_key.read(path) == Told()
    word = ""
    for key in ("K1", "K2", "K1"):
        document: dict[str, Any] = {"mesh": {"peers": [{"name": "gpu1", "public_key": key}]}}
        mesh_key.write(path, document, "gpu1", {mesh_key.WORD: word})
        assert mesh_key.read(path).next_word(key) == word
        word = mesh_key.read(path).next_word("K1" if key == "K2" else "K2")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": "K1"}'])
def test_what_cannot_be_read_is_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "gpu1.json").write_text(text)
    assert mesh_key.read(tmp_path / "gpu1.json") == Told()
