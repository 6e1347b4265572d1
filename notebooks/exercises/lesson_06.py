"""The exercises of lesson 06. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from labkit import bench
from labkit.exercises import exercise

from .dev_archive import lookup_pipeline, reading
from .judging import Numbers, number, tried


@number("06.1", "How likely is it that the first value is right and the second as well? Go on like this for all of "
                "them.", 0.01)  # fmt: skip
def lists_without_an_error() -> Numbers:
    share, contracts = 19 / 20, 9
    added = "Subtracting one error for each contract counts lists with two errors twice. Which operation fits 'and'?"
    yield share**contracts, None
    yield share, "That is the share of single values. A list is right only where all of its values are."
    yield 1 - share**contracts, "That is the share of lists with at least one wrong value."
    yield 1 - contracts * (1 - share), added


@cache
def _refusing_below(floor: float) -> tuple[float, float]:
    """Share refused rightly and answer accuracy of the graph lookup with a floor, over the plain questions."""
    run = bench.measure("", reading(), replace(lookup_pipeline(), floor=floor))
    return bench.mean(run, "refused_rightly").value, bench.mean(run, "answer_accuracy").value


@number("06.2", "Measure the new pipeline with bench.measure over `plain`; bench.mean(run, metric).value gives each "
                "number.")  # fmt: skip
def look_up_that_refuses_more() -> Numbers:
    yield _refusing_below(0.3), None
    yield _refusing_below(0.3)[::-1], "These are the two numbers, in the other order: the refusals first."
    unchanged = "Nothing has changed: is it the pipeline with the new threshold (floor) that was measured?"
    yield _refusing_below(0.05), unchanged


# Day and value, the contract first; the day asked for; what held then; what to look at where the answer differs.
_STATED = [("2023-01-10", "30 days"), ("2023-06-01", "45 days"), ("2024-02-01", "60 days")]
_HELD: list[tuple[tuple[list[tuple[str, str]], str], str | None, str]] = [
    ((_STATED, "2025-01-01"), "60 days", "the day comes after all texts, so the newest value holds."),
    ((_STATED, "2023-12-31"), "45 days", "texts that come after the day do not count."),
    ((_STATED[::-1], "2023-12-31"), "45 days", "the pairs may come in any order: go by their days."),
    ((_STATED, "2023-06-01"), "45 days", "an amendment holds from its own day on."),
    ((_STATED, "2022-12-31"), None, "no text is as old as that."),
    (([], "2024-01-01"), None, "nothing is stated at all."),
    (([*_STATED, ("2024-02-01", "90 days")], "2024-03-01"), "contested", "the two newest texts differ."),
    (([*_STATED, ("2024-02-01", "60 days")], "2024-03-01"), "60 days", "the two newest texts set the same value."),
    (([*_STATED, ("2023-06-01", "50 days")], "2024-03-01"), "60 days", "only an older day has two values."),
    (([*_STATED, ("2024-02-01", "90 days")], "2024-01-01"), "45 days", "the two that differ come after the day."),
]


@exercise("06.3", function=True)
def value_on_a_day(answer: Any) -> str | None:
    return tried(answer, _HELD)
