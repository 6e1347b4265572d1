"""The decision report: plots with their descriptions, one page to hand on, and its figures as CSV."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import mistune
import numpy as np
import pandas as pd

from labkit import paths
from labkit.roi import tables
from labkit.roi.arms import Arm
from labkit.roi.model import PEOPLE, Assumptions, Prices

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:62em;margin:2em auto;padding:0 1em;color:#111}img{max-width:100%}"
    "table{border-collapse:collapse;font-size:14px;display:block;overflow-x:auto}"
    "th,td{border:1px solid #bbb;padding:3px 8px;text-align:left;vertical-align:top}th{background:#eee}"
)
_METHOD = """\
Net benefit is what an arm brings over the horizon, less all its costs, beyond what people who answer everything would
bring. A refused question goes to a person, and so does a wrong answer that checking finds. A right answer whose fact
has changed since the last refresh counts as wrong. Refreshes are taken to work at once, and are not evaluated again.
Minutes that are saved are worth their cost only where they are used. Intervals are 95 % and come from the measured
shares alone, clustered by contract, with the spread of training seeds where there are several; assumptions and prices
have none, so see how the answer moves with them. Break-even is the number of questions a day from which an arm brings
more than people do. The cost of a right answer is cost-of-pass (Erol et al. 2025, arXiv 2504.13359; Sturm et al. 2026,
arXiv 2605.09533). Seconds were measured on one machine and scaled to the chosen one. Rare large
losses, confidentiality and liability are not in these figures."""


# The plots give a figure and its description in words, as `course.show` takes them.


def _colours(arms: Sequence[str]) -> dict[str, str]:
    """A colour for each arm, and grey for people; colour-blind readers can distinguish them (Petroff 2021)."""
    ten = [mpl.colors.to_hex(c) for c in mpl.color_sequences["petroff10"]]
    eight = [c for c in ten if c not in ("#94a4a2", "#717581")]  # these two are greys
    return {arm: eight[i % len(eight)] for i, arm in enumerate(arms)} | {PEOPLE: "#e4e4e4"}


def plot_map(table: pd.DataFrame, arms: Sequence[str]) -> tuple[Any, str]:
    """The decision map: questions a day by rate of change, coloured by the winner, hatched where it is not decided.

    Args:
        table: from `decision_map`.
        arms: all their names, in the order of their colours, so that plots agree.

    Returns:
        The figure, and its description.
    """
    look = {name: c for name, c in _colours(arms).items() if name in set(table["winner"])}
    winner = table.pivot(index="changes_per_year", columns="per_day", values="winner")
    decided = table.pivot(index="changes_per_year", columns="per_day", values="decided").to_numpy(dtype=bool)
    codes = winner.map(list(look).index).to_numpy(dtype=int)
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    axes.set(xscale="log", yscale="log", xlabel="questions a day", ylabel="changes of a fact a year")
    places = winner.columns, winner.index
    axes.pcolormesh(*places, codes, cmap=mpl.colors.ListedColormap(list(look.values())), vmin=-0.5,
                    vmax=len(look) - 0.5, shading="nearest")  # fmt: skip
    undecided = np.ma.masked_where(decided, codes)
    clear: dict[str, Any] = {"cmap": mpl.colors.ListedColormap(["none"]), "edgecolor": "#111111"}
    axes.pcolor(*places, undecided, shading="nearest", hatch="////", linewidth=0, **clear)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,g}")
    patches = [mpl.patches.Patch(facecolor=c, edgecolor="#555555", label=name) for name, c in look.items()]
    patches.append(mpl.patches.Patch(facecolor="white", hatch="////", label="hatched: the interval does not tell"))
    figure.legend(handles=patches, loc="outside lower center", ncols=3, frameon=False)
    axes.set_title("Which brings most?", loc="left")
    won = table.groupby("winner")["decided"].agg(["size", "mean"]).itertuples()
    parts = [f"{n} on {size / len(table):.0%} of it, decided on {sure:.0%} of that" for n, size, sure in won]
    said = "Map of which brings most, by questions a day and changes of a fact a year"
    return figure, f"{said}: {'; '.join(parts)}."


def plot_curves(table: pd.DataFrame, arms: Sequence[str], currency: str = "USD") -> tuple[Any, str]:
    """Net benefit day by day, beyond what people who answer everything bring, with 95 % bands.

    Args:
        table: from `horizon_curves`.
        arms: as in `plot_map`.
        currency: of the amounts.
    """
    look, parts = _colours(arms), []
    figure, axes = plt.subplots(figsize=(8, 4.6), layout="constrained")
    last = table.groupby("arm")["value"].last().sort_values(ascending=False)
    for number, (arm, value) in enumerate(last.items()):
        curve = table[table["arm"] == arm]
        dashes = ("-", "--", "-.", ":")[number % 4]
        axes.plot(curve["day"], curve["value"], dashes, color=look[str(arm)], label=arm, linewidth=2)
        axes.fill_between(curve["day"], curve["low"], curve["high"], color=look[str(arm)], alpha=0.15, linewidth=0)
        pays = curve.loc[curve["value"] > 0, "day"]
        parts.append(f"{arm} {value:,.0f}, " + (f"above 0 from day {pays.min():.0f}" if len(pays) else "never above 0"))
    axes.axhline(0, color="#333333", linewidth=1, label=PEOPLE)
    axes.set(xlabel="day", ylabel=f"{currency} more than people bring", xlim=(0, None))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    axes.set_title("When does it pay?", loc="left")
    end = f"after {table['day'].max():.0f} days, in {currency}"
    return figure, f"Net benefit beyond people {end}, with 95 % bands: " + "; ".join(parts) + "."


def plot_tornado(table: pd.DataFrame, currency: str = "USD", rows: int = 10) -> tuple[Any, str]:
    """Net benefit of the best arm as one figure at a time changes, the widest on top.

    Args:
        table: from `tornado`.
        currency: of the amounts.
        rows: how many figures, the widest.
    """
    shown = table.head(rows)
    names = [f"{row.what}, {row.low:,.4g} to {row.high:,.4g}" for row in shown.itertuples()]
    figure, axes = plt.subplots(figsize=(8, 1.3 + 0.35 * len(shown)), layout="constrained")
    axes.hlines(names, shown["at_low"], shown["at_high"], color="#888888", linewidth=4)
    axes.plot(shown["at_low"], names, "o", color="#3f90da", markersize=9, label="at its low end")
    axes.plot(shown["at_high"], names, "D", color="#bd1f01", markersize=8, label="at its high end")
    axes.axvline(0, color="#333333", linewidth=1)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set(xlabel=f"{currency} more than people bring")
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    axes.set_title("What moves it?", loc="left")
    ends = zip(names, shown["at_low"], shown["at_high"], strict=True)
    parts = [f"{name}: {low:,.0f} and {high:,.0f}" for name, low, high in ends]
    return figure, f"Net benefit in {currency} with one figure changed at a time: " + "; ".join(parts) + "."


def decision_report(
    arms: Sequence[Arm], assumed: Assumptions, prices: Prices, folder: Path,
    question: str = "Retrieve, fine-tune, do both, or let people answer?",
) -> list[Path]:  # fmt: skip
    """Write the decision report.

    Args:
        arms: to decide among.
        assumed: the assumptions.
        prices: by id.
        folder: takes `decision.html`, with its pictures inside, and `figures.csv`.
        question: that is to be decided.

    Returns:
        The two files.

    Raises:
        ValueError: the arms cannot be compared, a price cannot be used, or a file cannot be written.
    """
    figures = tables.figures(arms, assumed, prices)
    body = mistune.create_markdown(plugins=["table"])(_markdown(figures, (arms, assumed, prices), question))
    page = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(question)}</title>'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>"
    )
    files = {"decision.html": page, "figures.csv": figures.to_csv(index=False)}
    for name, content in files.items():
        paths.write_atomic(Path(folder) / name, content)
    return [Path(folder) / name for name in files]


def _markdown(figures: pd.DataFrame, case: Any, question: str) -> str:
    arms, assumed, prices = case
    names, currency = [arm.name for arm in arms], prices[assumed.person]["currency"]
    moved = tables.tornado(*case)
    own, priced = figures["arm"] == "", figures["source"] != ""
    columns, kind = ["figure", "text", "unit", "tag"], ["figure", "unit", "tag"]
    origins = figures[~own & priced].groupby("tag")["source"].unique()
    by_arm = figures[~own].pivot_table(index=kind, columns="arm", values="text", aggfunc="first", sort=False)
    return "\n\n".join([
        f"# {_plain(question)}", f"**{_plain(tables.verdict(*case))}**",
        "## The arms", _table(tables.summary(*case)),
        "## Where each arm brings most", _picture(*plot_map(tables.decision_map(*case), names)),
        "## When it pays", _picture(*plot_curves(tables.horizon_curves(*case), names, currency)),
        "## What would change the decision", _changes(moved), _picture(*plot_tornado(moved, currency)),
        "## Assumptions", _table(figures.loc[own & ~priced, columns]),
        "## Prices", _table(figures.loc[own & priced, [*columns, "source"]]),
        "## Measured and derived",
        *(f"Where what was {tag} comes from: {_plain('; '.join(said))}." for tag, said in origins.items()),
        _table(by_arm.fillna("-").reset_index()),
        "## How it was computed", _METHOD,
    ]) + "\n"  # fmt: skip


def _changes(moved: pd.DataFrame) -> str:
    """A line for each figure that alone, at an end of its range, makes another choice the best."""
    ends = [("low", "best_low"), ("high", "best_high")]
    rows = moved.to_dict("records")
    other = [(row, end, row[best]) for row in rows for end, best in ends if row[best] != row["best_now"]]
    lines = [f"- {_plain(row['what'])} at {row[end]:,.4g}: {_plain(best)}" for row, end, best in other]
    if not lines:
        return "No assumption or price, halved or doubled (shares: moved by 0.1) alone, makes another choice the best."
    return "Halved or doubled (shares: moved by 0.1) alone, these make another choice the best:\n\n" + "\n".join(lines)


def _plain(text: Any) -> str:
    """A text that Markdown shows as it is."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|!~" else c for c in " ".join(str(text).split()))


def _table(table: pd.DataFrame) -> str:
    head, *rows = (f"| {' | '.join(map(_plain, row))} |" for row in [list(table.columns), *table.to_numpy().tolist()])
    return "\n".join([head, "|---" * len(table.columns) + "|", *rows])


def _picture(figure: Any, alt: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    return f"![{_plain(alt)}](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"
