"""The decision report: plots that say what they show; complete, in one file, and safe whatever an arm is called."""

from __future__ import annotations

import io
import re
from functools import partial

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from labkit import roi


@pytest.fixture(autouse=True)
def small_map(monkeypatch):
    small = partial(roi.decision_map, per_day=(1, 10, 100), changes_per_year=(0.1, 1))
    monkeypatch.setattr("labkit.roi.tables.decision_map", small)


def test_the_report_holds_everything_in_one_file(arm, answers, assumed, prices, tmp_path):
    arms = [roi.measured_arm("best RAG", answers(0.8, 0.1), data="a"), arm(0.7, 0.2, name="SFT | <script>_x_")]
    page, table = roi.decision_report(arms, assumed, prices, tmp_path, "Shall we?")
    html = page.read_text(encoding="utf-8")
    assert html.count('src="data:image/png;base64,') == 3
    assert not re.search(r'(?:src|href)="(?!data:)', html) and "<script" not in html and "\\_" not in html
    assert "<h1>Shall we?</h1>" in html and "SFT | &lt;script&gt;_x_" in html
    verdict = roi.verdict(arms, assumed, prices)
    shown = re.sub(r"&lt;", "<", re.sub(r"&gt;", ">", html))
    for said in (
        verdict,
        "a list, January 2026",
        "value of a right answer",
        "200 questions, 20 contracts",
        "Shall we?",
    ):
        assert said in shown
    assert all(tag in html for tag in ("<td>measured</td>", "<td>derived</td>", "<td>assumed</td>", "<td>quoted</td>"))
    assert len(re.findall(r"<img [^>]*alt=\"[^\"]{40,}", html)) == 3
    figures = pd.read_csv(io.StringIO(table.read_text(encoding="utf-8")), keep_default_na=False)
    assert figures["text"].tolist() == roi.figures(arms, assumed, prices)["text"].tolist()


def test_the_report_says_what_would_change_the_decision(arm, assumed, prices, tmp_path):
    close = [arm(0.76, 0.1, width=0.01, name="RAG")]
    text = roi.decision_report(close, assumed, prices, tmp_path)[0].read_text(encoding="utf-8")
    assert f"<li>person's time for an answer (minutes) at 3: {roi.PEOPLE}</li>" in text
    sure = [arm(0.99, 0.005, width=0.001, name="RAG")]
    text = roi.decision_report(sure, assumed, prices, tmp_path)[0].read_text(encoding="utf-8")
    assert "makes another choice the best." in text


def test_nothing_is_written_where_the_arms_cannot_be_compared(assumed, prices, tmp_path):
    with pytest.raises(ValueError, match="at least one arm"):
        roi.decision_report([], assumed, prices, tmp_path)
    assert not list(tmp_path.iterdir())


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
