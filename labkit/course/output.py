"""What lessons show: sentences made from figures, so that none can go stale; plots, each with a text description."""

from collections.abc import Mapping
from typing import Any

from labkit.stats import LEVEL


def say(*sentences: object) -> None:
    """Show sentences below a cell's output, as a paragraph of prose.

    Args:
        sentences: texts (Markdown), or objects whose text is a sentence; those that are empty are left out.

    Raises:
        ValueError: there is nothing to say.
    """
    text = " ".join(said for sentence in sentences if (said := str(sentence).strip()))
    if not text:
        raise ValueError("There is nothing to say: give at least one sentence.")
    from IPython.display import display

    display({"text/markdown": text, "text/plain": text}, raw=True)


def finding(change: Mapping[str, Any], up: str, down: str, unclear: str) -> str:
    """The sentence that a paired difference bears out.

    Args:
        change: a row of `bench.differences`; its fields may stand in the sentences, as in "{difference:+.2f}".
        up: for a significant gain.
        down: for a significant loss.
        unclear: for a difference that is not significant.

    Raises:
        KeyError: a sentence names a field that there is not.
    """
    sentence = unclear if not change["p"] < LEVEL else up if change["difference"] > 0 else down
    return sentence.format(**{str(name): value for name, value in change.items()})


def show(figure: Any, alt: str) -> None:
    """Show a plot with a text description, for those who cannot see it.

    Args:
        figure: a matplotlib figure.
        alt: what a reader should take from it, figures included.

    Raises:
        ValueError: the description is empty.
    """
    if not alt.strip():
        raise ValueError("Describe the plot in words: alt is empty.")
    import html
    import io

    import matplotlib.pyplot as plt
    from IPython.display import Image, display
    from PIL import Image as Picture

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    plt.close(figure)
    # A plot has few colours; with a palette of them it takes a third of the space in a saved lesson.
    Picture.open(buffer).convert("RGB").quantize(128).save(small := io.BytesIO(), "PNG", optimize=True)
    display(Image(small.getvalue(), format="png"), metadata={"image/png": {"alt": alt}})
    # JupyterLab does not give the picture the description in its metadata; a folded text reaches everyone.
    folded = f"<details><summary>Description of the plot</summary>{html.escape(alt)}</details>"
    display({"text/html": folded, "text/plain": alt}, raw=True)


# Okabe and Ito's colours, which colour-blind readers can distinguish.
COLOURS = ("#009E73", "#0072B2", "#56B4E9", "#CC79A7", "#F0E442", "#E69F00", "#D55E00")


def show_shares(table: Any, label: str) -> None:
    """Show the rows of a table as stacked bars: what share of a row each column holds.

    Args:
        table: a DataFrame of counts with a row for each bar and at most seven columns.
        label: of the axis.

    Raises:
        ValueError: the table is empty, or has more columns than there are colours.
    """
    if not len(table) or len(table.columns) > len(COLOURS):
        raise ValueError(f"The table needs rows, and no more than {len(COLOURS)} columns.")
    shares = 100 * table.div(table.sum(axis=1), axis=0)
    look = {"color": COLOURS[: len(shares.columns)], "edgecolor": "white", "width": 0.8}
    axes = shares.plot.barh(stacked=True, figsize=(8, 1.3 + 0.32 * len(table)), **look)
    axes.invert_yaxis()
    axes.set(xlabel=label, ylabel="", xlim=(0, 100))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, fontsize=8)
    rows = [
        f"{name}: " + ", ".join(f"{column} {value:.0f} %" for column, value in row.items() if value)
        for name, row in shares.iterrows()
    ]
    show(axes.figure, alt=f"Stacked bars, {label}. " + "; ".join(rows) + ".")
