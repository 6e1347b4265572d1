"""Comparisons judged by key, by button and by call: what the store then holds, and what is shown."""

from __future__ import annotations

import pytest

from labkit import feedback, widgets
from labkit.prompts import Passage
from labkit.widgets import rating

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
    one, other = rating.differences("The term is  two years.", "The term is 24 long months.")
    assert [(s.start, s.end) for s in one] == [(13, 23)] and [(s.start, s.end) for s in other] == [(12, 27)]
    assert rating.differences("a b", "a b") == ([], []) and rating.differences("", "a")[1] == [rating.Span("", 0, 1)]


def test_answers_that_are_the_same_are_said_to_be(tmp_path, press):
    store = feedback.Store(tmp_path / "same.sqlite")
    store.add([feedback.Comparison(str(i), "Who?", (), pair) for i, pair in enumerate([("a b", "a c"), ("a", "a")])])
    widget = widgets.Rating(store, "ann")
    said = press(widget, "?")
    assert said.count("<mark") == 2 and "are the same" not in said and "Passages: 0" in said
    assert "are the same" in press(widget, "t")
