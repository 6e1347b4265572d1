"""The ROI model: prices, assumptions, and worth and cost of an arm over a horizon, compared with people.

Over T days of q questions an arm brings

    q T (a V - w L + r P) - F - R floor(T / tau) - O T - ceil(q s / (3600 h u)) h H T - q T c

with a, w and r the shares right, wrong and refused, V the value of a right answer, L the loss from a wrong one beside
that, P what a person's answer is worth after its cost (0 where nobody answers, because that cost is higher), F the
set-up, R each refresh (every tau days), O a day's operation, s the seconds of machine a question, h the hours a day
that machines are up, used or idle, u their utilisation, H the price of an hour, and c what each question costs by
itself. People bring q T P. A refused question goes to a person, and so does a wrong answer that checking finds; an arm
that refuses everything and costs nothing is worth as much as people are.

Facts change at random; a right answer whose fact has changed since the last refresh is wrong, and checking does not
find it, because the passage is outdated too. A refresh is taken to work at once. Only the uncertainty of the shares is
propagated: results hold a value for the shares as measured and one for each draw of `Arm.shares`. Prices are dated, and
read by `load_prices`; whatever takes them raises ValueError where one is missing, or of another unit or currency.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from labkit import paths
from labkit.roi.arms import Arm
from labkit.stats import Interval

# By the id of a price its fields: what, amount, unit, currency, as_of, period, source, note.
Prices = Mapping[str, Mapping[str, Any]]
HOUR, TOKENS = "hour", "million tokens"
_FIELDS = ("id", "what", "amount", "unit", "currency", "as_of", "period", "source")
PEOPLE = "people answer everything"
Range = tuple[float, float]
_ABOVE_0 = (0.001, math.inf)


def load_prices(path: Path | None = None) -> dict[str, dict[str, Any]]:
    """Prices with unit, currency, date and source, by id; `roi.changed` gives them with another amount.

    Args:
        path: a file of the form of `data/prices.toml`, by default that file, which may be edited.

    Raises:
        ValueError: the file cannot be read, an id stands twice, or an entry lacks a field.
    """
    path = path or paths.data() / "prices.toml"
    try:
        rows = [dict(row) for row in tomllib.loads(path.read_text(encoding="utf-8"))["price"]]
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise ValueError(f"{path.name} holds no prices that can be read ({cause}): see data/prices.toml.") from cause
    prices: dict[str, dict[str, Any]] = {}
    for row in rows:
        if missing := [name for name in _FIELDS if name not in row]:
            raise ValueError(f"The price {row.get('id', '?')!r} has no {missing[0]}: add it to {path.name}.")
        if row["id"] in prices:
            raise ValueError(f"The price {row['id']!r} stands twice in {path.name}: keep one.")
        prices[row["id"]] = row
    return prices


def amounts(prices: Prices, wanted: Sequence[tuple[str, str]]) -> list[float]:
    """The amounts of several prices.

    Args:
        prices: by id.
        wanted: ids, each with the unit that it must have.

    Raises:
        ValueError: one is missing, negative, no number or of another unit, or their currencies differ.
    """
    for name, unit in wanted:
        if name not in prices:
            raise ValueError(f"There is no price {name!r}: add it to prices.toml, or take one of {', '.join(prices)}.")
        if prices[name]["unit"] != unit:
            raise ValueError(f"{name!r} is a price by the {prices[name]['unit']}: convert it to one by the {unit}.")
        amount = prices[name]["amount"]
        if not isinstance(amount, int | float) or isinstance(amount, bool) or not 0 <= amount < math.inf:
            raise ValueError(f"The price {name!r} is {amount!r}: give a number of at least 0.")
    if len(currencies := {prices[name]["currency"] for name, _ in wanted}) > 1:
        raise ValueError(f"The prices are in {' and '.join(sorted(currencies))}: convert them to one currency.")
    return [float(prices[name]["amount"]) for name, _ in wanted]


def _assumed(what: str, unit: str, slider: Range, default: Any = MISSING, limits: Range = (0, math.inf)) -> Any:
    return field(default=default, metadata={"what": what, "unit": unit, "slider": slider, "limits": limits})


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What nobody measured; the metadata of a field say what it is, its unit, its limits and the ends of its slider.

    The first four have no default: they are yours to say. The last five are ids of prices. Wages are 70 % of what an
    hour's work costs an employer (private industry, U.S. Bureau of Labor Statistics, Employer Costs for Employee
    Compensation, June 2025), hence `overhead`.
    """

    value: float = _assumed("value of a right answer", "money", (0, 50))
    loss: float = _assumed("further loss from a wrong answer", "money", (0, 200))
    person_minutes: float = _assumed("person's time for an answer", "minutes", (0, 60))
    per_day: float = _assumed("questions a day on average", "questions", (1, 10000), limits=_ABOVE_0)
    days: float = _assumed("horizon", "days", (30, 1500), 365, _ABOVE_0)
    people_right: float = _assumed("people's answers right", "share", (0, 1), 1.0, (0, 1))
    checking_minutes: float = _assumed("checking of an answer given", "minutes", (0, 10), 0.0)
    checking_finds: float = _assumed("share of wrong answers found", "share", (0, 1), 0.0, (0, 1))
    changes_per_year: float = _assumed("changes of a fact a year", "changes", (0, 4), 0.1)
    index_days: float = _assumed("between two indexings", "days", (1, 365), 7, _ABOVE_0)
    training_days: float = _assumed("between two trainings", "days", (1, 365), 90, _ABOVE_0)
    labelling_hours: float = _assumed("labelling, once for all trainings", "hours", (0, 400), 40)
    failed_runs: float = _assumed("failed runs before training", "runs", (0, 10), 2)
    evaluation_hours: float = _assumed("evaluation before use", "hours", (0, 100), 8)
    building_hours: float = _assumed("engineer's work before use", "hours", (0, 500), 80)
    running_hours: float = _assumed("engineer's work a month", "hours", (0, 80), 8)
    overhead: float = _assumed("cost of work by its wage", "factor", (1, 2), 1.4, (1, math.inf))
    hosting_hours: float = _assumed("hours a day that machines are up", "hours", (1, 24), 24, (0.001, 24))
    utilisation: float = _assumed("usable share of these hours", "share", (0.05, 1), 0.5, (0.001, 1))
    machine_scale: float = _assumed("machine seconds for one measured", "seconds", (0.001, 10), 1.0, _ABOVE_0)
    machine: str = "cpu_m7g_large_hour"
    person: str = "paralegal_hour"
    engineer: str = "software_developer_hour"
    prompt: str = "gpt_4_1_mini_input"
    reply: str = "gpt_4_1_mini_output"

    def __post_init__(self) -> None:
        """Raises ValueError: a figure is no number, or lies outside of its limits."""
        for f in fields(self):
            value, (least, most) = getattr(self, f.name), f.metadata.get("limits", (0, 0))
            if f.metadata and (isinstance(value, str | bool | None) or not least <= value <= most or value == math.inf):
                limits = f"from {least:g} to {most:g}" if most < math.inf else f"of at least {least:g}"
                raise ValueError(f"{f.name} ({f.metadata['what']}) is {value!r}: give a number {limits}.")

    def wanted(self) -> list[tuple[str, str]]:
        """The ids of the five prices, each with the unit that it must have."""
        hours, tokens = (self.machine, self.person, self.engineer), (self.prompt, self.reply)
        return [*((name, HOUR) for name in hours), *((name, TOKENS) for name in tokens)]

    def refresh_days(self, arm: Arm) -> float:
        """Days from one refresh of an arm to the next; inf for one that knows no facts."""
        return {"index": self.index_days, "weights": self.training_days, "nothing": math.inf}[arm.facts]


def rates(assumed: Assumptions, prices: Prices) -> tuple[float, float, float, float, float]:
    """The prices as they are paid: an hour of machine, person and engineer, a million tokens of prompt and reply."""
    machine, person, engineer, prompt, reply = amounts(prices, assumed.wanted())
    return machine, person * assumed.overhead, engineer * assumed.overhead, prompt, reply


def person_answer(assumed: Assumptions, prices: Prices) -> float:
    """What a question brings without an arm: a person's answer after its cost, or 0 where nobody would pay for one."""
    right, pay = assumed.people_right, assumed.person_minutes / 60 * rates(assumed, prices)[1]
    return max(0.0, right * assumed.value - (1 - right) * assumed.loss - pay)


def stale(arm: Arm, assumed: Assumptions) -> float:
    """Share of questions whose fact has changed since the last refresh, on average over the horizon.

    At age t a fact has changed with probability 1 - exp(-rate t). An arm that knows no facts is never stale.
    """
    rate, every = assumed.changes_per_year / 365, assumed.refresh_days(arm)
    if not rate or every == math.inf:
        return 0.0
    whole, rest = divmod(assumed.days, every)
    full, last = (t + math.expm1(-rate * t) / rate for t in (every, rest))
    return (whole * full + last) / assumed.days


def costs(arm: Arm, assumed: Assumptions, prices: Prices) -> dict[str, float]:
    """What an arm costs over the horizon, by part: set-up, refreshes, operation, hosting, questions.

    Set-up is the index, labelling with failed and successful training, evaluation, and an engineer's work. One set of
    labels is taken to serve all trainings of an arm. A refresh of the weights is a training run and the labelling of
    what has changed since; one of the index trains nothing, whatever adapters the arm has.
    """
    machine, wage, engineer, *_ = rates(assumed, prices)
    index, training = (s * assumed.machine_scale / 3600 * machine for s in (arm.index_seconds, arm.training_seconds))
    labelling = assumed.labelling_hours * wage if arm.training_seconds else 0.0
    every, rate = assumed.refresh_days(arm), assumed.changes_per_year / 365
    again = {"index": index, "weights": training - math.expm1(-rate * every) * labelling if rate else training}
    capacity, hosting = _machine(arm, assumed, machine)
    work = assumed.evaluation_hours * wage + assumed.building_hours * engineer
    return {
        "set-up": index + labelling + (1 + assumed.failed_runs) * training + work,
        "refreshes": again.get(arm.facts, 0.0) * (assumed.days // every),
        "operation": assumed.running_hours * 12 / 365 * assumed.days * engineer,
        "hosting": math.ceil(assumed.per_day / capacity) * hosting,
        "questions": assumed.per_day * assumed.days * _per_question(arm, assumed, prices),
    }


def _machine(arm: Arm, assumed: Assumptions, price: float) -> tuple[float, float]:
    """Questions a day that one machine answers, and what it costs over the horizon."""
    seconds = arm.seconds * assumed.machine_scale if arm.paid == "machine" else 0.0
    if not seconds:
        return math.inf, 0.0
    return assumed.hosting_hours * 3600 * assumed.utilisation / seconds, price * assumed.hosting_hours * assumed.days


def _per_question(arm: Arm, assumed: Assumptions, prices: Prices) -> float:
    _, wage, _, prompt, reply = rates(assumed, prices)
    tokens = arm.prompt_tokens * prompt + arm.reply_tokens * reply if arm.paid == "tokens" else 0.0
    # A refusal has nothing to check.
    return (1 - arm.refused.value) * assumed.checking_minutes / 60 * wage + tokens / 1e6


def _gain(arm: Arm, assumed: Assumptions, prices: Prices) -> np.ndarray:
    """What an answer of the arm is worth, before its cost, beyond one of a person."""
    (right, wrong, refused), person = arm.shares, person_answer(assumed, prices)
    lost, found = right * stale(arm, assumed), wrong * assumed.checking_finds * bool(assumed.checking_minutes)
    believed = wrong - found + lost
    return (right - lost) * assumed.value - believed * assumed.loss + (refused + found) * person - person


def net_benefit(arm: Arm, assumed: Assumptions, prices: Prices) -> np.ndarray:
    """Worth less cost over the horizon, beyond what people who answer everything would bring; shape (1 + DRAWS,).

    Positive: the arm brings more than people do.
    """
    total = sum(costs(arm, assumed, prices).values())
    return assumed.per_day * assumed.days * _gain(arm, assumed, prices) - total


def cost_of_pass(arm: Arm, assumed: Assumptions, prices: Prices) -> np.ndarray:
    """Expected cost of a right answer: all costs of the arm by the number of its right answers; shape (1 + DRAWS,).

    Cost-of-pass (Erol et al. 2025, arXiv 2504.13359), with the user's time counted where `checking_minutes` says so
    (after Sturm et al. 2026, arXiv 2605.09533) and the set-up spread over the horizon. Infinite where nothing is right.
    """
    right = arm.shares[0] * (1 - stale(arm, assumed)) * assumed.per_day * assumed.days
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sum(costs(arm, assumed, prices).values()) / right)


def break_even(arm: Arm, assumed: Assumptions, prices: Prices) -> np.ndarray:
    """The smallest number of questions a day at which the arm brings as much as people do; inf for never.

    Machines are hired whole, so shortly after that number another machine may cost more than it brings. Shape
    (1 + DRAWS,).
    """
    parts = costs(arm, assumed, prices)
    fixed = parts["set-up"] + parts["refreshes"] + parts["operation"]
    margin = (_gain(arm, assumed, prices) - _per_question(arm, assumed, prices)) * assumed.days
    capacity, hosting = _machine(arm, assumed, rates(assumed, prices)[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        # What a busy machine brings; where that is nothing, more machines do not help.
        busy = np.where(margin > 0, margin * capacity - hosting, -1)
        machines = np.maximum(np.ceil(fixed / busy), 1)
        per_day = np.where(busy > 0, (fixed + machines * hosting) / margin, math.inf)
    return np.where(np.isnan(margin), math.nan, per_day)


def quantiles(values: np.ndarray) -> Interval:
    """The first value, with the ends that one in forty of the others lies below or above; infinite ones stay infinite.

    The ends are as many places from either side, so a quantity and its negative have the same interval, mirrored.
    """
    ends = [len(values[1:]) // 40, -1 - len(values[1:]) // 40]
    low, high = np.partition(values[1:], ends)[ends]  # np.quantile takes much longer
    return Interval(float(values[0]), float(low), float(high), 0, 0)


def in_words(found: Interval, infinite: str = "never") -> str:
    """A figure with its interval; in words where it, or an end, is infinite or unknown.

    Args:
        found: the figure.
        infinite: what an infinite value means.
    """
    value, low, high = (infinite if math.isinf(v) else number(v) for v in (found.value, found.low, found.high))
    if math.isnan(found.low):
        return f"{value} (too few documents for an interval)"
    if math.isinf(found.low) and math.isinf(found.high):
        return value
    if math.isinf(found.value):
        return f"{value} at the accuracy measured; {low} at the best end of its interval"
    return f"{value} [{low}, {high}]"


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
