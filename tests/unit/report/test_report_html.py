"""Nothing that came from outside becomes a part of the page's own language."""

from __future__ import annotations

import pytest

from freehold.report.html import Html, escaped, joined, tag

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='x",
    "&lt;b&gt;",
    "</style><style>*{display:none}",
    "]]><!--",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_stays_text_between_tags_and_in_attributes(text: str) -> None:
    made = tag("p", text, title=text)
    assert made.count("<") == 2
    assert made.split(">", 1)[0].count('"') == 2
    assert "<script" not in made
    assert "&lt;b&gt;" not in made.replace("&amp;", "")


def test_what_is_html_already_is_not_escaped_twice() -> None:
    inner = tag("b", "a & b")
    assert tag("p", inner) == "<p><b>a &amp; b</b></p>"
    assert isinstance(escaped(inner), Html)
    assert joined((inner, None, "<"), ", ") == "<b>a &amp; b</b>, &lt;"


def test_marks_that_turn_or_hide_text_are_taken_out() -> None:
    assert escaped("a\x00b\x1b[31m") == "a\ufffdb\ufffd[31m"
    assert escaped("a\u202eb\u2066") == "ab"
    assert escaped("\ud800") == "?"


def test_attributes_that_are_none_or_false_are_left_out() -> None:
    assert (
        tag("a", "x", href=None, hidden=False, class_="c", tabindex=0, open=True)
        == '<a class="c" tabindex="0" open>x</a>'
    )
