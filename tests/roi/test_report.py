"""The decision report: complete, in one file, and safe whatever an arm is called."""

from __future__ import annotations

import io
import re
from functools import partial

import matplotlib
import pandas as pd
import pytest

from labkit import roi

matplotlib.use("Agg")


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
