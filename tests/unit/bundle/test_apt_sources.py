"""The nodes' packages come from the machine's own signed sources of one suite, and from nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.bundle.apt_sources import machine_sources, read_names
from freehold.bundle.layout import Tree
from freehold.errors import RefusedError

# In two parts, so that a search of the tree for it finds nothing but mistakes.
WAIVED = "trusted=" + "yes"

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates trixie
Components: main
Signed-By: /usr/share/keyrings/debian.gpg
Trusted: yes

Types: deb
URIs: http://vendor.example/apt
Suites: nodistro
Components: main
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_the_suite_is_taken_and_vendors_are_left_out(etc: Path) -> None:
    (etc / "sources.list.d" / "debian.sources").write_text(DEB822)
    text = machine_sources(etc, "bookworm")
    assert "Suites: bookworm bookworm-updates\n" in text
    assert "Types: deb\n" in text
    assert "vendor.example" not in text
    assert "trixie" not in text


def test_a_waiver_of_signatures_is_not_taken_over(etc: Path) -> None:
    (etc / "sources.list.d" / "debian.sources").write_text(DEB822)
    (etc / "sources.list").write_text(f"deb [{WAIVED} allow-insecure=yes] http://m.example/debian bookworm main\n")
    text = machine_sources(etc, "bookworm")
    assert "m.example" in text
    assert "trusted" not in text.lower()
    assert "insecure" not in text.lower()


def test_one_line_sources_are_understood(etc: Path) -> None:
    line = (
        "deb [arch=amd64 signed-by=/Keys/A.gpg] http://m.example/debian-security bookworm-security main contrib # why\n"
    )
    (etc / "sources.list").write_text(f"# off\n{line}deb-src http://m.example/debian bookworm main\n")
    assert machine_sources(etc, "bookworm").splitlines() == [
        "Types: deb",
        "Uris: http://m.example/debian-security",
        "Suites: bookworm-security",
        "Components: main contrib",
        "Signed-By: /Keys/A.gpg",
    ]


def test_an_embedded_key_stays_whole(etc: Path) -> None:
    (etc / "sources.list.d" / "a.sources").write_text(
        "Types: deb\nURIs: http://m.example\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN\n .\n abc\n"
    )
    assert machine_sources(etc, "bookworm").endswith("Signed-By: \n -----BEGIN\n .\n abc\n")


@pytest.mark.parametrize(
    "text", ["", DEB822.replace("Types: deb deb-src", "Types: deb-src"), f"Enabled: no\n{DEB822[12:]}"]
)
def test_no_source_of_the_suite_is_refused(etc: Path, text: str) -> None:
    (etc / "sources.list.d" / "debian.sources").write_text(text)
    with pytest.raises(RefusedError, match="BUNDLE_APT_SOURCES"):
        machine_sources(etc, "bookworm")


def test_every_package_of_the_tree_has_its_reason() -> None:
    lists = Tree().os_packages(["vllm"])
    lines = [line for path in lists for line in path.read_text().splitlines() if line.strip()]
    assert all("#" in line for line in lines)
    assert {"python3-venv", "nftables", "systemd-timesyncd"} <= set(read_names(lists))


def test_a_set_brings_its_own_packages_and_no_others() -> None:
    assert "gcc" in read_names(Tree().os_packages(["agent", "vllm"]))
    assert "gcc" not in read_names(Tree().os_packages(["agent", "llama_cpp"]))


def test_what_is_no_package_name_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("# why\ncurl\nno such;thing\n")
    with pytest.raises(RefusedError, match=r"names\.txt:3"):
        read_names([tmp_path / "names.txt"])
