"""Plots of the ROI model; each gives the figure and its description in words, as `course.show` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from labkit.roi.model import PEOPLE


def _colours(arms: Sequence[str]) -> dict[str, str]:
    """A colour for each arm, and grey for people; colour-blind readers can distinguish them (Petroff 2021)."""
    import matplotlib as mpl

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
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    look = {name: c for name, c in _colours(arms).items() if name in set(table["winner"])}
    winner = table.pivot(index="changes_per_year", columns="per_day", values="winner")
    decided = table.pivot(index="changes_per_year", columns="per_day", values="decided").to_numpy(dtype=bool)
    codes = winner.map(list(look).index).to_numpy(dtype=int)
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    axes.set(xscale="log", yscale="log", xlabel="questions a day", ylabel="changes of a fact a year")
    places = winner.columns, winner.index
    axes.pcolormesh(*places, codes, cmap=plt.matplotlib.colors.ListedColormap(list(look.values())), vmin=-0.5,
                    vmax=len(look) - 0.5, shading="nearest")  # fmt: skip
    undecided = np.ma.masked_where(decided, codes)
    clear: dict[str, Any] = {"cmap": plt.matplotlib.colors.ListedColormap(["none"]), "edgecolor": "#111111"}
    axes.pcolor(*places, undecided, shading="nearest", hatch="////", linewidth=0, **clear)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,g}")
    patches = [Patch(facecolor=c, edgecolor="#555555", label=name) for name, c in look.items()]
    patches.append(Patch(facecolor="white", hatch="////", label="hatched: the interval does not tell"))
    figure.legend(handles=patches, loc="outside lower center", ncols=3, frameon=False)
    axes.set_title("Which brings most?", loc="left")
    shares = table.groupby("winner")["decided"].agg(["size", "mean"])
    parts = [
        f"{n} on {s['size'] / len(table):.0%} of it, decided on {s['mean']:.0%} of that" for n, s in shares.iterrows()
    ]
    return figure, "Map of which brings most, by questions a day and changes of a fact a year: " + "; ".join(
        parts
    ) + "."


def plot_curves(table: pd.DataFrame, arms: Sequence[str], currency: str = "USD") -> tuple[Any, str]:
    """Net benefit day by day, beyond what people who answer everything bring, with 95 % bands.

    Args:
        table: from `horizon_curves`.
        arms: as in `plot_map`.
        currency: of the amounts.
    """
    import matplotlib.pyplot as plt

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
    import matplotlib.pyplot as plt

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
