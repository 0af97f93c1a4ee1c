from __future__ import annotations

import pytest

from freehold.pulumi_command import globs


def test_the_example_of_the_documentation() -> None:
    paths = ["assets/logos/logo.svg", "src/index.js", "src/secret.js"]
    assert globs.chosen(paths, ["assets/**", "src/**.js", "!**secret.*"]) == ["assets/logos/logo.svg", "src/index.js"]


@pytest.mark.parametrize(
    ("rule", "fitting", "other"),
    [
        ("*", ["a", ".hidden", "a\nb"], ["a/b"]),
        ("*.js", ["a.js", ".js"], ["a.jsx", "b/a.js", "a_js"]),
        ("**", ["a", "a/b/c"], []),
        ("a/**/c", ["a/b/c", "a/b/b/c"], ["a/c"]),
        ("a?c", ["abc"], ["ac", "a/c", "abbc"]),
        ("[abc]", ["a", "c"], ["d", "ab"]),
        ("[!abc]", ["d"], ["a"]),
        ("[a-c]x", ["bx"], ["dx", "-x"]),
        ("[!a-c]", ["d"], ["b"]),
        ("[ab-]", ["-", "b"], ["c"]),
        ("{a,b/*}.txt", ["a.txt", "b/c.txt"], ["b.txt"]),
        ("{a,{b,c}}", ["a", "b", "c"], ["bc"]),
        ("{a,}b", ["ab", "b"], ["a"]),
        (r"\*", ["*"], ["a"]),
        (r"\{a,b\}", ["{a,b}"], ["a"]),
        ("a,b}", ["a,b}"], ["a"]),
        ("a+(b)", ["a+(b)"], ["aab"]),
        ("", [""], ["a"]),
    ],
)
def test_rules(rule: str, fitting: list[str], other: list[str]) -> None:
    assert globs.chosen([*fitting, *other], [rule]) == fitting


def test_the_last_rule_that_fits_decides() -> None:
    assert globs.chosen(["a", "b"], ["*", "!a"]) == ["b"]
    assert globs.chosen(["a", "b"], ["!a", "*"]) == ["a", "b"]
    assert globs.chosen(["a"], ["!b"]) == []


@pytest.mark.parametrize("rule", ["[", "a[", "[]", "[!]", "[a-", "[a-]", "[c-a]", "[a-cx]", "{a,b"])
def test_what_is_no_glob_says_what_was_expected(rule: str) -> None:
    assert globs.wrong(rule)
    with pytest.raises(globs.GlobError, match=r"expected|begins after"):
        globs.chosen(["a"], [rule])


def test_what_is_a_glob_has_nothing_wrong() -> None:
    assert globs.wrong("!{a,b}/**.[ch]") == ""
