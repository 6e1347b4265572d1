"""The exercises of lesson 13. What is expected is computed by `labkit.roi` for an arm whose shares are given."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from labkit import roi, stats
from labkit.exercises.checking import Numbers, choices, exercise, number, tried

choices("13.1", "b", a="Who answers a question that the arm refuses, and who answered it before?",
        c="People who answer everything are the comparison. Which answers are missing, if refusals go to them?",
        d="How many of its answers are wrong?")  # fmt: skip


def _break_even(**changes: Any) -> float:
    shares = [stats.Interval(share, share, share, 100, 20) for share in (0.7, 0.1, 0.2)]
    arm = roi.Arm("example", *shares, paid="tokens", prompt_tokens=1000, reply_tokens=10)
    centre = roi.Assumptions(value=5, loss=3, person_minutes=6, per_day=2000, hosting_hours=24, utilisation=0.2)
    return float(roi.break_even(arm, replace(centre, **changes), roi.load_prices())[0])


@number("13.2", "Take replace(centre, checking_minutes=...) and the first value of roi.break_even.", 0.002)
def reading_over() -> Numbers:
    yield _break_even(checking_minutes=0.5), None
    yield _break_even(), "That is the break-even without reading over: give roi.break_even the changed assumptions."
    yield _break_even(person_minutes=6.5), "A person's own answer takes as long as before. What takes longer now?"
    yield _break_even(person_minutes=5.5), "A person's own answer takes as long as before. What takes longer now?"


@exercise("13.3", function=True)
def questions_a_day(answer: Any) -> str | None:
    cases = (
        ((1000.0, 0.75, 0.25, 100), 20, "the set-up is earned by the margin of all questions, gain less price."),
        ((1001.0, 0.75, 0.25, 100), 21, "a whole number of questions has to be enough: which way is it rounded?"),
        ((100.0, 0.25, 0.25, 100), math.inf, "a question that brings what it costs earns no set-up."),
        ((100.0, 0.25, 0.5, 100), math.inf, "each question loses money, so that more of them do not help."),
        ((100.0, -0.5, 0.0, 365), math.inf, "the answers themselves do harm: no number is enough."),
        ((0.0, 1.0, 0.5, 365), 1, "without a set-up a single question a day is enough."),
        ((1.0, 1.0, 0.5, 365), 1, "less than one question a day is one."),
        ((730.0, 2.5, 0.5, 10), 37, "the horizon is as long as `days` says."),
    )
    try:
        return tried(answer, cases)
    except ZeroDivisionError:
        return "It divides by zero. What does it mean for the break-even if a question brings just what it costs?"


choices("13.4", "d", a="Both figures look at the right answers alone. What do the others cost?",
        b="Both costs are small beside what a wrong answer can cost.",
        c="A refused question takes a person's time. What if a wrong answer hardly matters?")  # fmt: skip
