"""Stepping through items: keys and buttons do the same, nothing is lost, and nothing is done twice."""

from __future__ import annotations

import os
import subprocess

import pytest
from test_install import OFFLINE, ROOT, colab_folder

from labkit.widgets.stepper import Stepper


class Sorting(Stepper):
    """Puts words on a heap, one after another."""

    done = "sorted"

    def __init__(self, words: list[str]) -> None:
        self.words, self.heap = words, []
        super().__init__({"k": ("Keep", self.keep), "x": ("Refuse", self.refuse)})

    def keep(self) -> None:
        self.heap.append(self._current())
        self._step()

    def refuse(self) -> None:
        raise ValueError("No <b>.")

    def _items(self):
        return [w for w in self.words if w not in self.heap], len(self.heap)

    def _fill(self) -> None:
        pass

    def _html(self):
        return f"above {self.shown}", f"below {self.shown}"

    def _texts(self):
        return [("word", self.shown)]

    def _counts(self):
        return {"kept": len(self.heap)}


@pytest.mark.parametrize("how", ["k", "K", "Keep"])
def test_a_key_or_a_button_decides_and_shows_the_next(press, how):
    widget = Sorting(["one", "two"])
    said = press(widget, how)
    assert widget.heap == ["one"] and widget.shown == "two"
    assert "above two" in said and "below two" in said and "1 of 2 sorted." in said


def test_what_goes_wrong_is_said_and_the_item_stays(press):
    widget = Sorting(["one"])
    assert "No &lt;b&gt;." in press(widget, "x") and "above one" in press(widget, "x")
    assert "The keys are k, x." in press(widget, "?") and widget.heap == []


def test_when_none_is_left_it_says_so_and_counts(press):
    widget = Sorting(["one"])
    said = press(widget, "k")
    assert "None is left." in said and "kept" in said and "1 of 1 sorted." in said
    assert "None is left: 1 of 1 sorted." in press(widget, "Keep") and widget.heap == ["one"]
    with pytest.raises(ValueError, match="None is left"):
        widget.keep()
    assert widget._repr_mimebundle_()["text/plain"] == "kept: 1"


def test_a_key_typed_before_the_next_item_was_shown_decides_nothing(press):
    widget = Sorting(["one", "two", "three"])
    press(widget, "k")
    widget._keys.set_state({"value": "kk"})
    assert widget.heap == ["one"] and widget._keys.value == "" and "too early" in widget._status.value
    press(widget, "k")
    assert widget.heap == ["one", "two"]


def test_the_table_holds_long_texts_in_full():
    text = "word " * 100 + "end"
    bundle = Sorting([text])._repr_mimebundle_()
    assert bundle["text/plain"] == f"progress: 0 of 1 sorted.\nword: {text}" and text in bundle["text/html"]


# What Colab carries is ipywidgets 7.
OLDER = """
import sys
from pathlib import Path
import ipywidgets
from small import PAPERS
from labkit import feedback, questions, widgets
from labkit.corpus import Span
folder = Path(sys.argv[1])
store = feedback.Store(folder / "store.sqlite")
store.add([feedback.Comparison(str(i), "Who?", (), ("Ann", "Bob")) for i in range(2)])
rating = widgets.Rating(store, "ann")
rating._keys.set_state({"value": "t"})
rating.box.children[3].children[1].click()
rows = [questions.WrittenQuestion("Where?", "Oslo", Span("hosting", 0, 25))]
review = widgets.QuestionReview(questions.save(rows, folder / "written.jsonl"), PAPERS)
review._keys.set_state({"value": "d"})
assert "text/html" in rating._repr_mimebundle_() and rating._keys.value == review._keys.value == ""
judged, (row,) = store.judgements(), questions.load(review.path)
print(ipywidgets.__version__[0], judged[0].verdict, judged[1].chose_left, rating.shown, row.dropped)
"""


def test_the_widgets_work_with_colabs_versions(tmp_path):
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), str(OFFLINE)])
    command = [colab_folder() / "bin" / "python", "-c", OLDER, tmp_path]
    environment = os.environ | {"PYTHONPATH": paths}
    printed = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "7 tie True None by hand"
