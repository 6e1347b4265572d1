"""What follows from the ROI model: figures, comparison of the arms, horizon curves, tornado, decision map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from labkit.roi import model
from labkit.roi.arms import COSTS, DRAWS, Arm, check_together
from labkit.roi.model import PEOPLE, Assumptions, Prices, amounts, in_words, net_benefit, number, quantiles
from labkit.stats import Interval

# The ranges of the decision map, fixed before any was drawn.
PER_DAY = tuple(np.geomspace(1, 10_000, 25).tolist())
CHANGES_PER_YEAR = tuple(np.geomspace(0.01, 10, 19).tolist())
NET, PASS, EVEN = "net benefit beyond people", "cost of a right answer", "break-even, questions a day"


def figures(arms: Sequence[Arm], assumed: Assumptions, prices: Prices) -> pd.DataFrame:
    """Every figure behind a decision, a row each.

    Returns:
        Columns arm (empty for assumptions and prices), figure, value, low and high (nan where there is no interval),
        text (the three in words), unit, tag (measured, derived, assumed, or quoted for a price) and source.

    Raises:
        ValueError: the arms cannot be compared, or a price cannot be used; the same holds for the other tables.
    """
    check_together(arms)
    currency = prices[assumed.person]["currency"]
    rows: list[tuple[Any, ...]] = []

    def add(arm: str, figure: str, value: Any, unit: str, tag: str, source: str = "", infinite: str = "never") -> None:
        found = quantiles(value) if isinstance(value, np.ndarray) else value
        if isinstance(found, Interval):
            ends, text = (found.value, found.low, found.high), in_words(found, infinite)
        else:
            ends, text = (found, np.nan, np.nan), number(found) if tag == "derived" else f"{found:,.6g}"
        rows.append((arm, figure, *ends, text, unit, tag, source))

    for arm in arms:
        case, tag = (arm, assumed, prices), "measured" if arm.questions else "assumed"
        source = f"{len(arm.questions)} questions, {len(arm.residuals)} contracts" if arm.questions else ""
        source += f", {len(arm.seeds)} seeds" if len(arm.seeds) > 1 else ""
        for name in ("right", "wrong", "refused"):
            add(arm.name, name, getattr(arm, name), "share", tag, source)
        for name in COSTS[arm.paid == "tokens" :]:
            add(arm.name, name, getattr(arm, name), name.split("_")[-1], *arm.sources.get(name, (tag, source)))
        add(arm.name, "stale", model.stale(arm, assumed), "share", "derived")
        for part, cost in model.costs(*case).items():
            add(arm.name, f"cost of {part}", cost, currency, "derived")
        add(arm.name, PASS, model.cost_of_pass(*case), currency, "derived", infinite="infinite")
        add(arm.name, NET, net_benefit(*case), currency, "derived")
        add(arm.name, EVEN, model.break_even(*case), "questions", "derived")
    for f in (f for f in fields(assumed) if f.metadata):
        unit = f.metadata["unit"].replace("money", currency)
        add("", f"{f.name}: {f.metadata['what']}", getattr(assumed, f.name), unit, "assumed")
    for name, unit in assumed.wanted():
        price, unit = prices[name], f"{currency} by the {unit}"
        source = f"{price['source']}, {price['period']}"
        add("", f"{name}: {price['what']}", price["amount"], unit, "quoted", source)
    return pd.DataFrame(rows, columns=["arm", "figure", "value", "low", "high", "text", "unit", "tag", "source"])


def summary(arms: Sequence[Arm], assumed: Assumptions, prices: Prices) -> pd.DataFrame:
    """A row for each arm, the best first: share right, net benefit beyond people, cost-of-pass, break-even."""
    rows = figures(arms, assumed, prices)
    order = rows[rows["figure"] == NET].sort_values("value", ascending=False)["arm"]
    table = rows.pivot_table(index="arm", columns="figure", values="text", aggfunc="first")
    shown = table.loc[order, ["right", NET, PASS, EVEN]].rename_axis(columns=None).reset_index()
    return shown.rename(columns={name: f"{name}, {prices[assumed.person]['currency']}" for name in (NET, PASS)})


def _ranked(arms: Sequence[Arm], assumed: Assumptions, prices: Prices) -> tuple[str, str, Interval, np.ndarray]:
    """The best arm or people, its closest rival, how far it leads that one, and its own net benefit.

    The closest rival is the one whose interval of the lead reaches lowest; an arm without an interval comes before it.
    """
    nets = {arm.name: net_benefit(arm, assumed, prices) for arm in arms} | {PEOPLE: np.zeros(1 + DRAWS)}
    first = max(nets, key=lambda name: nets[name][0])
    leads = {name: quantiles(nets[first] - net) for name, net in nets.items() if name != first}
    rival = min(leads, key=lambda n: (leads[n].low if leads[n].low > -np.inf else -np.inf, leads[n].value))
    return first, rival, leads[rival], nets[first]


def verdict(arms: Sequence[Arm], assumed: Assumptions, prices: Prices) -> str:
    """The answer in words: which arm brings most, how much, and whether the interval tells it from the others.

    The closest rival is the one whose interval of the distance from the best reaches lowest.
    """
    check_together(arms)
    winner, rival, lead, net = _ranked(arms, assumed, prices)
    currency, unsure = prices[assumed.person]["currency"], "the measurement does not tell these two apart"
    text = f"At {assumed.per_day:,.4g} questions a day over {assumed.days:g} days "
    if winner == PEOPLE:
        text += f"no arm pays as measured: people bring {currency} {in_words(lead)} more than {rival}"
        unsure = f"but the measurement does not exclude that {rival} pays"
    else:
        text += f"{winner} brings most: {currency} {in_words(quantiles(net))} more than people would"
        if rival != PEOPLE:
            text += f", and {currency} {in_words(lead)} more than its closest rival, {rival}"
        if quantiles(net).low <= 0:
            unsure = "the measurement does not exclude that people bring more"
    text += "." if lead.low > 0 else f"; {unsure}."
    nobody = " A person costs as much as an answer brings or more, so without an arm nobody answers."
    return text + nobody * (not model.person_answer(assumed, prices))


def horizon_curves(arms: Sequence[Arm], assumed: Assumptions, prices: Prices) -> pd.DataFrame:
    """Net benefit of each arm up to each day: columns arm, day, value, low, high."""
    check_together(arms)
    rows = []
    for day in np.linspace(assumed.days / 60, assumed.days, 60).tolist():
        until = replace(assumed, days=day)
        ends = [(arm.name, quantiles(net_benefit(arm, until, prices))) for arm in arms]
        rows += [(name, day, found.value, found.low, found.high) for name, found in ends]
    return pd.DataFrame(rows, columns=["arm", "day", "value", "low", "high"])


def changed(assumed: Assumptions, prices: Prices, values: Mapping[str, float]) -> tuple[Assumptions, Prices]:
    """Assumptions and prices with some of them at other values.

    Args:
        assumed: the assumptions now.
        prices: the prices now.
        values: by the name of an assumption or the id of a price.

    Raises:
        ValueError: there is no such figure, or it cannot have that value.
    """
    names = [f.name for f in fields(assumed)]
    if unknown := [n for n in values if n not in (*names, *prices)]:
        raise ValueError(f"There is no figure {unknown[0]!r}: take one of {', '.join((*names, *prices))}.")
    moved = {n: {**p, "amount": values.get(n, p["amount"])} for n, p in prices.items()}
    own: dict[str, Any] = {n: v for n, v in values.items() if n not in prices}
    new = replace(assumed, **own)
    amounts(moved, new.wanted())
    return new, moved


def tornado(arms: Sequence[Arm], assumed: Assumptions, prices: Prices) -> pd.DataFrame:
    """How the net benefit of the best arm moves as one assumption or price at a time changes, the widest first.

    Each is halved and doubled, and shares move by 0.1; horizon and questions a day, on which all depends, stay.

    Columns: figure, what (the same in words, with its unit), low and high (its values), at_low and at_high (net benefit
    of the arm that is best now), best_low, best_high and best_now (which arm is best there, or people). Another choice
    is named only where it is to or from people, or where the interval of its lead is above 0.
    """
    check_together(arms)
    arm = max(arms, key=lambda a: float(net_benefit(a, assumed, prices)[0]))
    now_best = _ranked(arms, assumed, prices)[0]
    ranges = {n: (prices[n]["amount"] / 2, prices[n]["amount"] * 2) for n, _ in assumed.wanted()}
    what = {n: f"{n.replace('_', ' ')} ({prices[n]['currency']})" for n in ranges}
    for f in (f for f in fields(assumed) if f.metadata and f.name not in ("days", "per_day")):
        now, (least, most) = getattr(assumed, f.name), f.metadata["limits"]
        unit = f.metadata["unit"].replace("money", prices[assumed.person]["currency"])
        low, high = (now - 0.1, now + 0.1) if unit == "share" else (now / 2, 2 * now)
        ranges[f.name] = max(least, low), min(most, high)
        what[f.name] = f.metadata["what"] + f" ({unit})" * (unit not in f.metadata["what"])
    rows: list[tuple[Any, ...]] = []
    for name, ends in ranges.items():
        cases = [changed(assumed, prices, {name: end}) for end in ends]
        nets = [float(net_benefit(arm, *case)[0]) for case in cases]
        first = [_ranked(arms, *case) for case in cases]
        best = [n if lead.low > 0 or PEOPLE in (n, now_best) else now_best for n, _, lead, _ in first]
        rows.append((name, what[name], *ends, *nets, *best, now_best))
    columns = ["figure", "what", "low", "high", "at_low", "at_high", "best_low", "best_high", "best_now"]
    table = pd.DataFrame(rows, columns=columns)
    width = (table["at_high"] - table["at_low"]).abs()
    return table.loc[width[width > 0].sort_values(ascending=False, kind="stable").index].reset_index(drop=True)


def decision_map(
    arms: Sequence[Arm], assumed: Assumptions, prices: Prices, per_day: Iterable[float] = PER_DAY,
    changes_per_year: Iterable[float] = CHANGES_PER_YEAR,
) -> pd.DataFrame:  # fmt: skip
    """Which arm brings most for each number of questions a day and rate of change.

    A cell is decided where the 95 % interval of the winner's lead over every other arm, and over people, is above 0.

    Returns:
        Columns changes_per_year, per_day, winner, rival (the closest), lead, decided, and pays: whether the interval of
        what the winner brings more than people is above 0.
    """
    check_together(arms)
    rows = []
    for rate, questions in product(changes_per_year, per_day):
        there = replace(assumed, per_day=float(questions), changes_per_year=float(rate))
        winner, rival, lead, net = _ranked(arms, there, prices)
        rows.append((rate, questions, winner, rival, lead.value, lead.low > 0, quantiles(net).low > 0))
    return pd.DataFrame(rows, columns=["changes_per_year", "per_day", "winner", "rival", "lead", "decided", "pays"])
