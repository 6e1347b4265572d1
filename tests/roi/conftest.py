"""Arms with known shares, and prices that are easy to reckon with."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from labkit import roi


def _price(amount: float, unit: str = "hour", currency: str = "USD") -> dict:
    made = {"amount": amount, "unit": unit, "currency": currency, "what": "a thing", "source": "a list"}
    return made | {"as_of": datetime.date(2026, 1, 1), "period": "January 2026"}


@pytest.fixture
def prices() -> dict:
    """A machine for 0.5 an hour, a person for 30, an engineer for 40, a million tokens for 100 and 10,000."""
    tokens = {"prompt": _price(100, "million tokens"), "reply": _price(10_000, "million tokens")}
    return {"machine": _price(0.5), "person": _price(30), "engineer": _price(40), **tokens}


@pytest.fixture
def assumed() -> roi.Assumptions:
    """A person's answer costs 3 and is worth 10; evaluation costs 300, building nothing; no fact changes."""
    return roi.Assumptions(
        value=10, loss=5, person_minutes=6, per_day=50, days=100, changes_per_year=0, evaluation_hours=10,
        building_hours=0, running_hours=0, overhead=1,
        machine="machine", person="person", engineer="engineer", prompt="prompt", reply="reply",
    )  # fmt: skip


@pytest.fixture
def arm():
    """Makes an arm paid by tokens: its shares, by default 0.8 right, 0.1 wrong, 0.1 refused, and their half-width."""
    from labkit.stats import Interval

    def make(right: float = 0.8, refused: float = 0.1, width: float = 0.05, **rest) -> roi.Arm:
        def share(value: float) -> Interval:
            return Interval(value, max(0.0, value - width), min(1.0, value + width), 100, 20)

        rest = {"name": "an arm", "paid": "tokens", "prompt_tokens": 1000, "reply_tokens": 10} | rest
        return roi.Arm(right=share(right), wrong=share(1 - right - refused), refused=share(refused), **rest)

    return make


@pytest.fixture
def answers():
    """Makes answers to 10 questions about each of 20 contracts; contracts differ in how hard they are."""

    def make(right: float, refused: float, seed: int = 0, contracts: int = 20) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        rows = []
        for contract in range(contracts):
            harder = rng.normal(0, 0.08)
            for number in range(10):
                draw = rng.random()
                row = {"question": f"q{contract}-{number}", "contract": f"C{contract}"}
                row |= {"refused": float(draw < refused), "right": float(refused <= draw < refused + right + harder)}
                rows.append(row | {"prompt_tokens": 1000, "reply_tokens": 10, "seconds": 2.0})
        return pd.DataFrame(rows)

    return make
