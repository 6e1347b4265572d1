"""The exercises of lesson 10: right answers are accepted, typical wrong ones get the hint that fits them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from labkit import prompts
from labkit.exercises import EXERCISES, lesson_10
from labkit.stats import Interval


def test_a_quarter_of_the_questions_finds_twice_the_fall():
    judge = EXERCISES["10.1"]
    assert judge(2) is None and judge(2.1) is None
    assert "root" in judge(4) and "wider" in judge(1) and "more or less" in judge(0.5) and "width" in judge(7)


def test_the_tokens_of_a_fifth(monkeypatch: pytest.MonkeyPatch):
    known = {0.2: (2480, 10_000, 37), 0.05: (510, 10_000, 8)}
    monkeypatch.setattr(lesson_10, "_tokens_replayed", known.__getitem__)
    judge = EXERCISES["10.2"]
    assert judge(2480) is None
    hints = {37: "how many examples", 10_000: "new examples", 12_480: "all that is read", 510: "one token in twenty",
             2000: "of all tokens", 2500: "room", 3: "add up"}  # fmt: skip
    assert all(hint in judge(answer) for answer, hint in hints.items())


class Words:
    """A generator that counts words for tokens."""

    def count_tokens(self, messages: Sequence[Mapping[str, str]]) -> int:
        return sum(len(m["content"].split()) for m in messages)

    def count_reply_tokens(self, messages: Any, reply: str) -> int:
        return len(reply.split())


def fact(name: str, at: int, amends: bool = False) -> Any:
    asked = [SimpleNamespace(question=f"What is {name} in wording {k}?", answer=f"{k} days") for k in range(3)]
    return SimpleNamespace(
        round=at, replaced=None, amends=amends, asked={"train": asked}, holds=lambda by, at=at: at <= by
    )


def test_what_is_replayed_is_drawn_from_round_0_for_the_facts_that_the_lesson_teaches(monkeypatch: pytest.MonkeyPatch):
    facts = [fact(f"old {i}", 0) for i in range(90)] + [fact(f"new {i}", 3) for i in range(50)]
    monkeypatch.setattr(lesson_10, "shipped_rounds", lambda: SimpleNamespace(facts=[*facts, fact("late", 3, True)]))
    monkeypatch.setattr(lesson_10.models, "load_generator", Words)
    lesson_10._tokens_replayed.cache_clear()
    replayed, new, count = lesson_10._tokens_replayed(0.2)
    lesson_10._tokens_replayed.cache_clear()
    taught = facts[90 :: lesson_10.EVERY][: lesson_10.TAUGHT]
    prompt = Words().count_tokens(prompts.closed_book_messages("What is new 1 in wording 1?"))
    assert new == len(taught) * 3 * (prompt + 2)
    assert 0.15 < replayed / (replayed + new) <= 0.2 and count == replayed / (prompt + 2)


def stops(found: Mapping[str, Interval], margin: float) -> list[str]:
    safe = {name: i.low > (0 if name == "new facts" else -margin) for name, i in found.items()}
    return [name for name in found if not safe[name]]


def test_the_strict_gate_is_accepted():
    assert EXERCISES["10.3"](stops) is None


def _as_in_the_lesson(found: Mapping[str, Interval], margin: float) -> list[str]:
    return [n for n, i in found.items() if (i.low <= 0 if n == "new facts" else i.high < 0)]


def _without_nan(found: Mapping[str, Interval], margin: float) -> list[str]:
    return [n for n, i in found.items() if (i.low <= 0 if n == "new facts" else i.low < -margin)]


def _margin_for_all(found: Mapping[str, Interval], margin: float) -> list[str]:
    return [n for n, i in found.items() if not i.low > -margin]


WRONG: list[tuple[Callable[..., Any], str]] = [
    (_as_in_the_lesson, "also where 0 is in it"),
    (_without_nan, "false"),
    (_margin_for_all, "without a margin"),
    (lambda found, margin: stops(found, 0.0), "give an empty list"),
    (lambda found, margin: stops(found, 0.05), "Which margin"),
    (lambda found, margin: stops(found, margin)[:1], "every name"),
    (lambda found, margin: sorted(stops(found, margin)), "order"),
    (lambda found, margin: not stops(found, margin), "list of names"),
    (lambda found, margin: None, "list of names"),
]


@pytest.mark.parametrize("wrong, hint", WRONG)
def test_a_wrong_gate_gets_its_hint(wrong: Callable[..., Any], hint: str):
    assert hint in EXERCISES["10.3"](wrong)


def test_what_is_no_function_gets_a_hint():
    assert "brackets" in EXERCISES["10.3"](["new facts"])


def test_what_the_serving_version_never_knew_is_not_guarded():
    judge = EXERCISES["10.4"]
    assert judge("C.") is None
    assert len({judge(letter) for letter in "abde"}) == 4


@pytest.mark.parametrize(
    "number, answers, right", [("10.1", (4, 1, 0.5, 7), "twice"), ("10.4", "abd?", "does not know")]
)
def test_no_hint_gives_the_answer(number: str, answers: Sequence[object], right: str):
    assert right not in " ".join(str(EXERCISES[number](answer)) for answer in answers)
