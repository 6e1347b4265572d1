"""Judgements of simulated raters, whose habits are known."""

from __future__ import annotations

import random
from typing import Any

from synthesis.archive import world

PAIRS = 200
RATERS = ("always_left", "length_loving", "careful")
CAREFUL = 0.9  # share of pairs in which the careful rater prefers the right answer
SHORT = ["{answer}", "{answer}", "It is {answer}."]
LONG = [
    "Having read the paper from beginning to end, I can say that the entry you want is {answer}.",
    "The document deals with this point in a place of its own, and what it settles on is {answer}.",
    "This took some searching among the other figures, but the one that counts here is {answer}.",
    "There are several numbers and names in the text; the one that belongs to your question is {answer}.",
    "My reading, which I give with the usual reservations, is that the answer should be {answer}.",
    "In short, and leaving aside the details that you did not ask for: {answer}.",
]


def _wrong(question: dict[str, Any], others: list[dict[str, Any]], rng: random.Random) -> str | None:
    known = set(question["aliases"])
    answers = [row["answer"] for row in others if row["category"] == question["category"]]
    answers = [answer for answer in dict.fromkeys(answers) if answer not in known]
    return rng.choice(answers) if answers else None


def _choice(rater: str, left: str, right: str, good: str, rng: random.Random) -> str:
    if rater == "always_left":
        return "left"
    if rater == "length_loving":
        return "left" if len(left) >= len(right) else "right"
    bad = "right" if good == "left" else "left"
    return good if rng.random() < CAREFUL else bad


def pairs(train: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """600 judgements: three raters on 200 pairs of a right and a wrong answer to training questions."""
    rng = world.stream("feedback")
    asked = [row for row in train if row["task"] in ("lookup", "amended") and row["followup"] is None]
    found: list[dict[str, Any]] = []
    for question in rng.sample(asked, len(asked)):
        wrong = _wrong(question, asked, rng)
        if wrong is None:
            continue
        lengths = rng.choice(((SHORT, LONG), (LONG, SHORT), (LONG, LONG), (SHORT, SHORT)))
        texts = [rng.choice(table).format(answer=answer)
                 for table, answer in zip(lengths, (question["answer"], wrong), strict=True)]  # fmt: skip
        good = rng.choice(("left", "right"))
        left, right = texts if good == "left" else texts[::-1]
        for rater in RATERS:
            found.append({"id": f"pair-{len(found) // 3 + 1:03d}-{rater}", "question": question["id"], "left": left,
                          "right": right, "rater": rater, "choice": _choice(rater, left, right, good, rng),
                          "simulated": True})  # fmt: skip
        if len(found) >= PAIRS * len(RATERS):
            return found
    raise ValueError(f"Training offers only {len(found) // 3} of {PAIRS} pairs: write more lookup questions.")
