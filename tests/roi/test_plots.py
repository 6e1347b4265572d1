"""Plots of the ROI model: what is drawn, and that the description says the same."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from labkit import roi


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def cells():
    """Four by four cells: people below 10 questions a day, RAG above, one of its eight not decided."""
    rows = [
        (rate, number, "RAG" if number > 10 else roi.PEOPLE, roi.PEOPLE, 1.0, (rate, number) != (1, 1000), number > 10)
        for rate in (0.01, 0.1, 1, 10)
        for number in (1, 10, 100, 1000)
    ]
    return pd.DataFrame(rows, columns=["changes_per_year", "per_day", "winner", "rival", "lead", "decided", "pays"])


def test_the_map_hatches_what_is_not_decided_and_names_the_regions(cells):
    figure, alt = roi.plot_map(cells, ["SFT", "RAG"])
    axes = figure.axes[0]
    colours, hatched = axes.collections
    assert hatched.get_hatch() and int((~hatched.get_array().mask).sum()) == 1
    assert colours.get_array().tolist() == [[1, 1, 0, 0]] * 4 and axes.get_xscale() == axes.get_yscale() == "log"
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[:2] == ["RAG", roi.PEOPLE] and "does not tell" in legend[2]
    assert "RAG on 50% of it, decided on 88% of that" in alt and f"{roi.PEOPLE} on 50%" in alt


def test_an_arm_has_the_same_colour_in_every_plot(cells):
    curves = pd.DataFrame([("SFT", 1.0, -5.0, -6.0, -4.0), ("RAG", 1.0, 5.0, 4.0, 6.0)],
                          columns=["arm", "day", "value", "low", "high"])  # fmt: skip
    figure, alt = roi.plot_curves(curves, ["SFT", "RAG"])
    lines = {line.get_label(): line.get_color() for line in figure.axes[0].lines}
    plotted, _ = roi.plot_map(cells, ["SFT", "RAG"])
    assert lines["RAG"] == matplotlib.colors.to_hex(plotted.axes[0].collections[0].cmap(0)) != lines["SFT"]
    assert "RAG 5, above 0 from day 1" in alt and "SFT -5, never above 0" in alt


def test_the_tornado_shows_the_widest(arm, assumed, prices):
    table = roi.tornado([arm(name="RAG")], assumed, prices)
    figure, alt = roi.plot_tornado(table, rows=3)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(labels) == 3 and labels[0].startswith(table.loc[0, "what"]) and labels[0] in alt
