"""Every built-in rule finds all of its positive examples and none of its negative ones."""

import pytest

from freehold.gateway.policy.builtin import RULES
from freehold.gateway.policy.judge import Judge, judge
from freehold.gateway.policy.owner import STANDARD, Settings
from freehold.gateway.policy.rule import Rule
from freehold.gateway.policy.structure import RULES as STRUCTURE

POSITIVE = [pytest.param(rule, text, id=f"{rule.id}-{n}") for rule in RULES for n, text in enumerate(rule.yes)]
NEGATIVE = [pytest.param(rule, text, id=f"{rule.id}-{n}") for rule in RULES for n, text in enumerate(rule.no)]


@pytest.fixture(scope="module")
def everything() -> Judge:
    return judge(Settings(frozenset(rule.id for rule in RULES)))


def found(one: Judge, text: str) -> set[str]:
    return {finding.rule for finding in one.findings({"messages": [{"role": "user", "content": text}]})}


@pytest.mark.parametrize(("rule", "text"), POSITIVE)
def test_a_rule_finds_what_it_is_for(everything: Judge, rule: Rule, text: str) -> None:
    for around in ("{}", "see {} there", "a line\n{}\nand one more", "({})", "x={}", '"{}"'):
        assert rule.id in found(everything, around.format(text)), around


@pytest.mark.parametrize(("rule", "text"), NEGATIVE)
def test_a_rule_leaves_alone_what_it_is_not_for(everything: Judge, rule: Rule, text: str) -> None:
    for around in ("{}", "see {} there", "a line\n{}\nand one more"):
        assert rule.id not in found(everything, around.format(text)), around


def test_ids_are_distinct_and_every_rule_has_examples_of_both_kinds() -> None:
    ids = [rule.id for rule in RULES] + list(STRUCTURE)
    assert len(ids) == len(set(ids))
    assert all(rule.yes and rule.no and rule.description for rule in RULES)


def test_a_hint_is_in_every_match() -> None:
    for rule in RULES:
        assert all(rule.hint in text.encode() for text in rule.yes), rule.id


def test_telephone_numbers_are_judged_only_when_asked() -> None:
    assert found(judge(STANDARD), "+1-202-555-0143") == set()


@pytest.mark.parametrize(
    "text",
    [
        "Explain how TLS certificates are renewed, and what a token bucket is.",
        "def read_token(path: Path) -> str:\n    token = path.read_text().strip()\n    return token",
        "git clone git@github.com:someone/something.git && npm install react@18.2.0",
        "uuid 3f2504e0-4f89-11d3-9a0c-0305e82c3301 at 2026-11-21T12:00:00Z, 1763740800000 ms",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        " ".join(str(n * 37 % 100) for n in range(400)),
        "The secret of a good soup: time. The password is asked twice.",
        "https://host.lan:8443/path?x=1#frag and http://10.0.0.1:9090/metrics",
        'fn main() { let api_key = std::env::var("API_KEY").unwrap(); }',
    ],
)
def test_ordinary_prose_and_code_meet_no_rule(text: str) -> None:
    assert found(judge(STANDARD), text) == set()
