"""What it costs to judge a request before it may leave: ``python -m tests.bench.policy``.

Processor time of this process, the best of several rounds. First a prompt of 100 kB of each kind, then hostile texts in
two sizes: where the time for eight times the text is some eight times as long, nobody can make the judge stand still.
Last, what loading the price table costs.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from freehold.gateway.policy.builtin import RULES
from freehold.gateway.policy.judge import Judge, judge
from freehold.gateway.policy.owner import read
from freehold.prices.bound import prompt_at_most

PROMPT = 100_000
SMALL, TIMES = 125_000, 8
ROUNDS = 7
LINEAR = 1.5
"""How far from proportional a ratio may be: caches and the collector of garbage take their part."""

PROSE = "The quick brown fox jumps over the lazy dog; see RFC 9110, section 4.2. "
CODE = 'def read(path: Path) -> str:\n    token = path.read_text()\n    return {"a": token[4:128]}\n'
CHINESE = "所有文本都会在离开之前被检查"
OWN = {
    "own": [{"id": "words", "words": [f"project{n}" for n in range(1_000)]}, {"id": "bad", "pattern": "(a+)+b|x.*y"}]
}

PROMPTS = {"prose": PROSE, "code": CODE, "Chinese": CHINESE, "accents": "a\u0300\u0316é" * 8, "mail": "a@b.io, "}
HOSTILE = {
    "digits": "4",
    "cards that are none": "4444 4444 4444 4442 ",
    "single digits": "4 ",
    "account numbers that are none": "de89 ",
    "letters, then no @": "a.",
    "@ everywhere": "a@",
    "assignments": "password=aaaaaaaaab1 ",
    "addresses": "a://b:",
    "accents": "\u0300\u0316",
    "one character that becomes eighteen": "\ufdfa",
    "backslashes": "\\",
    "for the owner's bad pattern": "ax",
    "beginnings of keys": "-----BEGIN eyJ.sk-fh-AKIA",
}


TABLE = """
import decimal, hashlib, json, time
import freehold.service.settings
from tests.bench.policy import resident
before, began = resident(), time.process_time()
from freehold.prices import cost
from freehold.prices.table import load
names = ("openai", "gpt-5"), ("anthropic", "claude-opus-4-8"), ("google", "gemini-2.5-pro"), ("x-ai", "grok-4")
table = load(names)
spent = (time.process_time() - began) * 1000
size = resident() - before
print(f"price table: {len(table.models)} models, {size} KiB with its code, {spent:.1f} ms ({table.origin})")
"""


def chat(text: str, *, parts: int = 1) -> dict[str, Any]:
    """A request with ``text`` in so many parts."""
    size = -(-len(text) // parts)
    cut = [{"type": "text", "text": text[start : start + size]} for start in range(0, len(text), size)]
    return {"model": "m", "messages": [{"role": "user", "content": text if parts == 1 else cut}]}


def of_size(pattern: str, size: int) -> str:
    """As much of ``pattern`` as fills ``size`` bytes."""
    return pattern * (size // len(pattern.encode()))


def milliseconds(work: Callable[[], object]) -> float:
    """Processor time of the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best * 1_000


def prompts(standard: Judge, with_own: Judge) -> None:
    """Print a row for each kind of prompt."""
    print(f"{'100 kB of':<34}{'built-in':>10}{'and own':>10}{'bound':>10}   ms of processor")
    for name, pattern in PROMPTS.items():
        body = chat(of_size(pattern, PROMPT))
        works = (partial(standard.findings, body), partial(with_own.findings, body), partial(prompt_at_most, body))
        columns = [milliseconds(work) for work in works]
        print(f"{name:<34}" + "".join(f"{value:>10.2f}" for value in columns))
    body = chat(of_size(PROSE, PROMPT), parts=1_000)
    print(f"{'prose in 1,000 parts':<34}{milliseconds(partial(standard.findings, body)):>10.2f}")


def hostile(with_own: Judge) -> bool:
    """Print a row for each hostile text; whether all are linear."""
    print(f"\n{'hostile':<38}{SMALL // 1000:>6} kB{SMALL * TIMES // 1000:>6} kB   ratio ({TIMES} is linear)")
    straight = True
    for name, pattern in HOSTILE.items():
        bodies = [chat(of_size(pattern, size)) for size in (SMALL, SMALL * TIMES)]
        times = [milliseconds(partial(with_own.findings, body)) for body in bodies]
        ratio = times[1] / times[0]
        straight &= ratio <= TIMES * LINEAR
        print(f"{name:<38}{times[0]:>9.1f}{times[1]:>9.1f}   {ratio:.1f}")
    return straight


def resident() -> int:
    """Resident memory in KiB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4


def memory(before: int) -> None:
    """Print what the judges hold, and what the price table does in a process of its own."""
    gc.collect()
    print(f"\nmemory: judges and their automata {(resident() - before) / 1024:.1f} MiB after all of the above")
    print(subprocess.run([sys.executable, "-c", TABLE], check=True, capture_output=True, text=True).stdout, end="")


def main() -> None:
    """Print everything; ends with 1 where a text takes more than linear time."""
    before = resident()
    began = time.process_time()
    standard, with_own = judge(), judge(read(OWN))
    spent = (time.process_time() - began) * 1_000
    print(f"making both judges: {spent:.1f} ms; {len(RULES)} rules, 1,001 of the owner's\n")
    prompts(standard, with_own)
    straight = hostile(with_own)
    memory(before)
    raise SystemExit(0 if straight else 1)


if __name__ == "__main__":
    main()
