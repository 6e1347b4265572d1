"""The calculator, its controls moved from Python as a browser moves them, and by method call."""

from __future__ import annotations

import math

import pytest

from labkit import roi, widgets
from labkit.stats import Interval


def arm(name: str, right: float, **rest) -> roi.Arm:
    shares = {"right": right, "wrong": 0.9 - right, "refused": 0.1}
    return roi.Arm(name, **{k: Interval(v, v - 0.02, v + 0.02, 100, 20) for k, v in shares.items()}, **rest)


@pytest.fixture
def calculator():
    arms = [
        arm("RAG", 0.75, seconds=0.5, facts="index", index_seconds=60),
        arm("hosted RAG", 0.8, paid="tokens", prompt_tokens=6000, reply_tokens=50),
    ]
    assumed = roi.Assumptions(value=8, loss=10, person_minutes=10, per_day=50)
    return widgets.Calculator(arms, assumed, roi.load_prices())


def view(calculator) -> str:
    return calculator.box.children[0].value


def test_it_shows_what_the_model_says(calculator):
    case = calculator.arms, calculator.assumed, calculator.prices
    assert roi.verdict(*case) in view(calculator) and "hosted RAG" in view(calculator)
    assert calculator.table().equals(roi.summary(*case))
    bundle = calculator._repr_mimebundle_()
    assert "break-even" in bundle["text/html"] and "hosted RAG" in bundle["text/plain"]


@pytest.mark.parametrize(
    ("name", "value"), [("loss", 40.0), ("per_day", 400.0), ("paralegal_hour", 60.0), ("gpt_4_1_mini_input", 50.0)]
)
def test_moving_a_slider_or_a_price_changes_the_answer(calculator, name, value):
    before, table = view(calculator), calculator.table()
    calculator.controls[name].value = value
    assert view(calculator) != before and not calculator.table().equals(table)


def test_values_can_be_set_without_a_screen(calculator):
    before = view(calculator)
    table = calculator.set(loss=500, cpu_m7g_large_hour=3, per_day=50_000, machine_scale=0.0015)
    assert (calculator.assumed.loss, calculator.prices["cpu_m7g_large_hour"]["amount"]) == (500, 3)
    assert table.equals(calculator.table()) and view(calculator) != before
    # Sliders reach as far as the values do, so that none is cut off.
    assert [calculator.controls[n].value for n in ("loss", "cpu_m7g_large_hour")] == [500, 3]
    assert math.isclose(calculator.controls["per_day"].value, 50_000) and calculator.assumed.per_day == 50_000


def test_a_value_that_cannot_be_changes_nothing(calculator):
    before, assumed = view(calculator), calculator.assumed
    for values in ({"loss": -1}, {"paralegal_hour": -1}, {"lost": 1}, {"loss": 3, "days": 0}):
        with pytest.raises(ValueError, match=next(reversed(values))):
            calculator.set(**values)
    assert view(calculator) == before and calculator.assumed == assumed
    calculator.controls["paralegal_hour"].value = -1
    assert "is -1" in view(calculator) and "that of before" in view(calculator)
    assert calculator.prices["paralegal_hour"]["amount"] > 0
    calculator.controls["paralegal_hour"].value = 30
    assert "that of before" not in view(calculator)


def test_every_assumption_and_price_has_a_control_that_says_what_it_is(calculator):
    names = [name for name, _ in calculator.assumed.wanted()]
    assert set(calculator.controls) == {f for f in calculator.assumed.__dataclass_fields__ if f not in
                                        ("machine", "person", "engineer", "prompt", "reply")} | set(names)  # fmt: skip
    for price in calculator.prices.values():
        used = price["id"] in names
        assert (f"{price['what']} ({price['source']}, {price['period']})" in calculator.box.children[2].value) == used
    assert calculator.controls["loss"].description == "further loss from a wrong answer (USD)"
    assert calculator.controls["paralegal_hour"].description == "person (USD by the hour)"


def test_arms_that_cannot_be_compared_are_refused():
    assumed = roi.Assumptions(value=8, loss=10, person_minutes=10, per_day=50)
    with pytest.raises(ValueError, match="at least one arm"):
        widgets.Calculator([], assumed, roi.load_prices())
