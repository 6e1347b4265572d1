"""One item after another: keys and buttons do the same; what the store or file then holds, and what is shown."""

from __future__ import annotations

import os
import subprocess

import pytest
from small import PAPERS
from test_install import OFFLINE, ROOT, colab_folder

from labkit import feedback, questions, widgets
from labkit.corpus import Document, Span
from labkit.prompts import Passage
from labkit.questions import WrittenQuestion
from labkit.widgets import decisions
from labkit.widgets.decisions import Stepper


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


# ------------------------------------------------------------------ two answers

PASSAGES = (Passage("Lease <of> A", "The term is two years & a day."), Passage("Lease of B", "Three years."))


def comparisons(number: int = 4) -> list[feedback.Comparison]:
    return [
        feedback.Comparison(f"c{i}", f"How long is term {i}?", PASSAGES, (f"two years {i} [1]", f"2 <b> years {i} [1]"))
        for i in range(number)
    ]


@pytest.fixture
def store(tmp_path):
    made = feedback.Store(tmp_path / "store.sqlite")
    made.add(comparisons())
    return made


def test_the_verdict_names_the_answer_that_was_clicked_wherever_it_stood(store):
    for rater in ("ann", "bob", "cleo"):
        widget = widgets.Rating(store, rater)
        for _ in range(4):
            left = dict(widget._texts())["left"]
            kept = widget.judge("left")
            (compared,) = (c for c in store.comparisons() if c.id == kept.comparison)
            assert compared.answers[("first", "second").index(kept.verdict)] == left == compared.answers[kept.left]
            assert kept.chose_left and kept in store.judgements(rater)
    # Both sides are drawn, and not the same ones for every rater.
    lefts = {rater: tuple(j.left for j in store.judgements(rater)) for rater in ("ann", "bob", "cleo")}
    assert len(set(lefts.values())) > 1 and len({left for row in lefts.values() for left in row}) == 2


@pytest.mark.parametrize(
    ("how", "verdict"), [("1", "left"), ("2", "right"), ("t", "tie"), ("b", "both bad"), ("Right", "right")]
)
def test_keys_and_buttons_judge(store, press, how, verdict):
    widget = widgets.Rating(store, "ann")
    assert "1 of 4 judged." in press(widget, how)
    assert widget._counts()[verdict] == 1
    assert widget.shown.id == "c1"


def test_it_goes_on_after_a_restart_with_the_same_sides(store, press):
    press(widgets.Rating(store, "ann"), "1")
    before = widgets.Rating(store, "ann")
    after = widgets.Rating(feedback.Store(store.path), "ann")
    assert after.shown.id == "c1" and after.table().equals(before.table()) and "1 of 4" in after.table().to_string()
    assert widgets.Rating(store, "bob").shown.id == "c0"


def test_undo_takes_back_what_was_judged_before_the_restart_too(store, press):
    widget = widgets.Rating(store, "ann")
    widget.edit("24 months [1]")
    widget.judge("tie")
    again = widgets.Rating(store, "ann")
    assert again.undo().verdict == "tie" and again.shown.id == "c1"
    press(again, "u")
    assert again.shown.id == "c0" and again._own.value == "24 months [1]" and store.judgements() == []
    assert "nothing to undo" in press(again, "u")
    press(again, "1")
    assert [j.edited for j in store.judgements()] == ["24 months [1]"]


def test_an_answer_is_copied_edited_and_kept_with_the_verdict(store, press):
    widget = widgets.Rating(store, "ann")
    right = dict(widget._texts())["right"]
    assert "Shift+Tab" in press(widget, "r") and widget._own.value == right
    widget._own.value += " and a day"
    press(widget, "2")
    (kept,) = store.judgements()
    assert kept.edited == f"{right} and a day" and kept.chose_left is False and widget._own.value == ""
    press(widget, "e")
    press(widget, "1")
    assert store.judgements()[1].edited is None


@pytest.mark.parametrize("text", ["", " ", "two years 0 [1]"])
def test_an_edit_must_change_something(store, text):
    widget = widgets.Rating(store, "ann")
    with pytest.raises(ValueError, match="This is no edit"):
        widget.edit(text)
    assert store.judgements() == [] and widget.edit("Two.").verdict == "both_bad"
    assert widget.edit("Two.", "left").chose_left


def test_bad_calls_say_what_to_do(tmp_path, store):
    with pytest.raises(ValueError, match="one of left, right, tie, both bad"):
        widgets.Rating(store, "ann").judge("lft")
    with pytest.raises(ValueError, match="put comparisons into the store"):
        widgets.Rating(feedback.Store(tmp_path / "empty.sqlite"), "ann")


def test_when_all_are_judged_the_verdicts_are_counted(store, press):
    widget = widgets.Rating(store, "ann")
    for key in "112b":
        said = press(widget, key)
    assert "None is left." in said
    counts = {"left": 2, "right": 1, "tie": 0, "both bad": 1, "edited": 0}
    assert dict(widget.table().to_numpy()) == counts and "both bad" in said
    for key in "1ter":
        assert "None is left: 4 of 4 judged." in press(widget, key)
    press(widget, "u")
    assert widget.shown.id == "c3"


def test_question_passages_and_answers_are_escaped_and_numbered(store, press):
    widget = widgets.Rating(store, "ann")
    shown = press(widget, "?")
    assert "[1] Lease &lt;of&gt; A" in shown and "[2] Lease of B" in shown and "years &amp; a day" in shown
    assert "2 &lt;b&gt;" in shown and "2 <b>" not in shown
    plain = widget._repr_mimebundle_()["text/plain"]
    assert "question: How long is term 0?" in plain and "[1] Lease <of> A: The term is two years & a day." in plain


def test_words_that_differ_are_marked_on_both_sides():
    one, other = decisions.differences("The term is  two years.", "The term is 24 long months.")
    assert [(s.start, s.end) for s in one] == [(13, 23)] and [(s.start, s.end) for s in other] == [(12, 27)]
    assert decisions.differences("a b", "a b") == ([], []) and decisions.differences("", "a")[1] == [Span("", 0, 1)]


def test_answers_that_are_the_same_are_said_to_be(tmp_path, press):
    store = feedback.Store(tmp_path / "same.sqlite")
    store.add([feedback.Comparison(str(i), "Who?", (), pair) for i, pair in enumerate([("a b", "a c"), ("a", "a")])])
    widget = widgets.Rating(store, "ann")
    said = press(widget, "?")
    assert said.count("<mark") == 2 and "are the same" not in said and "Passages: 0" in said
    assert "are the same" in press(widget, "t")


# ------------------------------------------------------------------ written questions

PLACES = {paper.id: Span(paper.id, 0, len(paper.text)) for paper in PAPERS}


@pytest.fixture
def path(tmp_path):
    rows = [
        WrittenQuestion("Where do the servers stand?", "Oslo", PLACES["hosting"], (PLACES["lease"],)),
        WrittenQuestion("Who pays?", None, PLACES["lease"], dropped="refused"),
        WrittenQuestion("Who keeps the <key>?", "Ms Okoro", PLACES["lease"]),
        WrittenQuestion("When do invoices fall due?", "thirty days", PLACES["supply"]),
    ]
    return questions.save(rows, tmp_path / "questions.jsonl")


def review(path):
    return widgets.QuestionReview(path, PAPERS)


def test_each_decision_is_in_the_file_at_once_and_told_from_the_filters(path, press):
    widget = review(path)
    before = questions.load(path)
    assert "1 of 3 checked." in press(widget, "k")
    assert questions.load(path)[0].checked and questions.load(path)[1:] == before[1:]
    widget._question.value, widget._answer.value = "Who keeps the key? ", "Ms Okoro, the clerk"
    press(widget, "Keep")
    edited = questions.load(path)[2]
    assert (edited.question, edited.answer) == ("Who keeps the key?", "Ms Okoro, the clerk")
    assert edited.checked and edited.dropped is None
    said = press(widget, "d")
    rows = questions.load(path)
    assert [row.dropped for row in rows] == [None, "refused", None, questions.BY_HAND] and rows[1] == before[1]
    assert "None is left." in said
    assert dict(widget.table().to_numpy()) == {"kept": 2, "dropped": 1}
    assert "None is left: 3 of 3 checked." in press(widget, "k")


def test_it_goes_on_after_a_restart(path):
    review(path).keep()
    review(path).drop()
    widget = review(path)
    assert widget.shown.question == "When do invoices fall due?" and "2 of 3" in widget.table().to_string()


def test_called_without_a_screen(path):
    widget = review(path)
    assert widget.keep().answer == "Oslo" and widget.keep().question == "Who keeps the <key>?"
    plain = widget._repr_mimebundle_()["text/plain"]
    assert "question: When do invoices fall due?" in plain and "Supply of paper: Paper arrives in ten days." in plain
    widget._answer.value = " "
    with pytest.raises(ValueError, match="write both, or drop it"):
        widget.keep()
    assert widget.drop().dropped == questions.BY_HAND


def test_the_answer_is_marked_where_it_stands_also_as_a_value(path, press):
    widget = review(path)
    assert "Oslo</mark>" in press(widget, "?")
    widget.keep()
    assert "Ms Okoro</mark>" in press(widget, "?")
    widget.keep()
    assert "30 days</mark>" in press(widget, "?")
    assert decisions.answer_places("ten", "often ten\ntens TEN") == [Span("", 6, 9), Span("", 15, 18)]
    assert decisions.answer_places("", "text") == []


def test_an_answer_that_does_not_stand_there_is_said_not_to_and_all_is_escaped(tmp_path, press):
    path = questions.save([WrittenQuestion(" Who? ", "<i>", Span("d", 0, 3))], tmp_path / "questions.jsonl")
    widget = widgets.QuestionReview(path, [Document("d", "<D>", "a<b")])
    said = press(widget, "?")
    assert "does not hold the answer" in said and "&lt;D&gt;" in said and "a&lt;b" in said
    assert widget.keep().question == "Who?" == questions.load(path)[0].question


def test_what_somebody_else_decided_is_not_written_over(path, press):
    first, second = review(path), review(path)
    first.drop()
    after = path.read_text()
    assert "Somebody else" in press(second, "k") and path.read_text() == after
    assert second.shown == first.shown
    second.keep()
    assert [row.checked for row in questions.load(path)] == [True, False, True, False]


def test_bad_input_says_what_to_do(path, tmp_path):
    with pytest.raises(ValueError, match="asks about 'hosting', which is not among the documents"):
        widgets.QuestionReview(path, PAPERS[:2])
    shorter = [Document(paper.id, paper.title, paper.text[:20]) for paper in PAPERS]
    with pytest.raises(ValueError, match="or was longer"):
        widgets.QuestionReview(path, shorter)
    for rows in ([], questions.load(path)[1:2]):
        with pytest.raises(ValueError, match="nothing to check"):
            widgets.QuestionReview(questions.save(rows, tmp_path / "none.jsonl"), PAPERS)
    (tmp_path / "bad.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match=r"Line 1 of bad\.jsonl is no written question"):
        widgets.QuestionReview(tmp_path / "bad.jsonl", PAPERS)


def test_a_failed_write_leaves_the_question_in_view(path, press, monkeypatch):
    def full(rows, path):
        raise ValueError("The disk is full.")

    widget = review(path)
    monkeypatch.setattr(questions, "save", full)
    assert "The disk is full." in press(widget, "k") and widget.shown.question == "Where do the servers stand?"
