"""The decision report: one page to hand on, and its figures as CSV."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from labkit import paths
from labkit.roi import plots, tables
from labkit.roi.arms import Arm
from labkit.roi.model import Assumptions
from labkit.roi.prices import Prices

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
    import mistune

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
        "## Where each arm brings most", _picture(*plots.plot_map(tables.decision_map(*case), names)),
        "## When it pays", _picture(*plots.plot_curves(tables.horizon_curves(*case), names, currency)),
        "## What would change the decision", _changes(moved), _picture(*plots.plot_tornado(moved, currency)),
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
    rows = [
        (r["what"], r[at], r[best]) for r in moved.to_dict("records") for at, best in ends if r[best] != r["best_now"]
    ]
    lines = [f"- {_plain(figure)} at {value:,.4g}: {_plain(best)}" for figure, value, best in rows]
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
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    return f"![{_plain(alt)}](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"
