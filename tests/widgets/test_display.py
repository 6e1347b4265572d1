"""How widgets are shown: marks that need no colour, escaped text, a table where there is no screen."""

from __future__ import annotations

import ipywidgets
import pandas as pd

from labkit import widgets
from labkit.corpus import Span
from labkit.widgets import display


def test_spans_are_marked_and_underlined_and_the_text_is_escaped():
    split = widgets.highlighted("ab<def", [Span("x", -2, 2), Span("x", 4, 5)])
    assert split.startswith("<mark") and split.count("<mark") == split.count("underline") == 2 and split.endswith("f")
    assert "&lt;" in split and "<d" not in split
    assert widgets.highlighted("a\nb", []) == "a<br>b"


def test_neighbouring_texts_differ_in_shade():
    one, two, three = (part.split(";")[0] for part in display.framed([("t", "x", [])] * 3).split("background:")[1:])
    assert one == three != two


def test_without_a_screen_there_is_a_table():
    box = ipywidgets.VBox([])
    bundle = widgets.Explorer(box, lambda: pd.DataFrame({"begins": ["<b>"]}))._repr_mimebundle_()
    assert bundle["text/html"].startswith("<table") and "&lt;b&gt;" in bundle["text/html"]
    assert "begins" in bundle["text/plain"]
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == box.model_id


def test_texts_stand_in_a_frame_that_scrolls_and_that_the_keyboard_reaches():
    html = display.framed([("<1>", "a b", [Span("", 2, 3)]), ("2", "c", [])])
    assert html.startswith('<div tabindex="0" style="overflow:auto') and "max-height" in html
    assert "<b>&lt;1&gt;</b><br>a <mark" in html and html.index("c</div>") > html.index("<mark")
