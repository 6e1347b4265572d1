"""The exercises of lesson 00. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from typing import Any

from labkit import corpus, metrics
from labkit.exercises import exercise
from labkit.replies import parse_answer

from .dev_archive import FIRST_CONTRACT, first_question
from .judging import tried

# The replies of exercise 00.1, as the lesson gives them.
REPLIES = {"a": "18 per cent [1]", "b": "Eighteen percent", "c": "18% of the month's fee [1]", "d": "0.18"}
# Exercise 00.3: a reply and the accepted answers, what is due, and what to think about where it is not what came.
_CASES: tuple[tuple[tuple[str, list[str]], str, str], ...] = (
    (("18% [1]", ["18%"]), "right", "Is the citation taken off before the answer is compared?"),
    (("eighteen per cent", ["18%", "18 percent"]), "right", "Are values compared as values? metrics.exact_match does."),
    (("15% [2]", ["18%"]), "wrong", "Is the answer compared with the accepted ones?"),
    (("I don't know.", ["18%"]), "refused", "The documents hold an answer here."),
    (("I don't know.", []), "right", "What is the right thing to say where the documents hold no answer?"),
    (("18% [1]", []), "wrong", "The documents hold no answer here."),
    (("The passages do not say.", []), "right", "A refusal can be worded in many ways; parse_answer knows them."),
)


@exercise("00.1")
def which_replies_are_right(answer: Any) -> str | None:
    if not isinstance(answer, str) or not set(answer.lower()) <= {*REPLIES, " ", ","}:
        return "Give the letters of the right replies as one text, such as 'ad'."
    accepted = first_question().accepted()
    right = {k for k, reply in REPLIES.items() if metrics.exact_match(parse_answer(reply).text, accepted)}
    chosen = set(answer.lower()) & set(REPLIES)
    if right - chosen:
        return "At least one more counts as right: values are compared as values, in whatever way they are written."
    if chosen - right:
        return "At least one of these does not count: an answer may not say more, or less, than an accepted one."
    return None


@exercise("00.2")
def interest_on_late_payments(answer: Any) -> str | None:
    if not isinstance(answer, str):
        return "Give the text of the reply: pipeline.ask(...).reply."
    record = next(r for r in corpus.contract_records() if r["id"] == FIRST_CONTRACT)
    interest = next(c for c in record["clauses"] if c["category"] == "late_interest")
    if metrics.exact_match(parse_answer(answer).text, [interest["value"], *interest["aliases"]]):
        return None
    return "That is not the interest of this contract. Ask in other words, for example what is due on late payments."


@exercise("00.3", function=True)
def verdicts_on_replies(answer: Any) -> str | None:
    hint = tried(answer, _CASES)
    return hint and f'{hint} (A verdict must be "right", "wrong" or "refused".)'
