"""Written questions kept, edited and dropped by a person: what the file then holds, and what is shown."""

from __future__ import annotations

import pytest
from small import PAPERS

from labkit import questions, widgets
from labkit.corpus import Document, Span
from labkit.questions import WrittenQuestion
from labkit.widgets import question_review

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
    assert edited.original == ("Who keeps the <key>?", "Ms Okoro") and edited.dropped is None
    said = press(widget, "d")
    rows = questions.load(path)
    assert [row.dropped for row in rows] == [None, "refused", None, questions.BY_HAND] and rows[1] == before[1]
    assert "None is left." in said
    assert dict(widget.table().to_numpy()) == {"kept": 1, "edited": 1, "dropped": 1}
    assert "None is left: 3 of 3 checked." in press(widget, "k")


def test_it_goes_on_after_a_restart_and_undoes_from_before_it(path, press):
    before = path.read_text()
    review(path).edit(answer="In Oslo")
    review(path).drop()
    widget = review(path)
    assert widget.shown.question == "When do invoices fall due?" and "2 of 3" in widget.table().to_string()
    press(widget, "u")
    assert widget.shown.question == "Who keeps the <key>?" and widget.shown.dropped is None
    assert widget.undo().answer == "Oslo" and widget._answer.value == "Oslo"
    assert "nothing to undo" in press(widget, "u") and path.read_text() == before


def test_called_without_a_screen(path):
    widget = review(path)
    assert widget.keep().original is None and widget.edit(question="Who has the key?").answer == "Ms Okoro"
    plain = widget._repr_mimebundle_()["text/plain"]
    assert "question: When do invoices fall due?" in plain and "Supply of paper: Paper arrives in ten days." in plain
    with pytest.raises(ValueError, match="write both, or drop it"):
        widget.edit(answer=" ")
    assert widget.drop().dropped == questions.BY_HAND


def test_the_answer_is_marked_where_it_stands_also_as_a_value(path, press):
    widget = review(path)
    assert "Oslo</mark>" in press(widget, "?")
    widget.keep()
    assert "Ms Okoro</mark>" in press(widget, "?")
    widget.keep()
    assert "30 days</mark>" in press(widget, "?")
    assert question_review.answer_places("ten", "often ten\ntens TEN") == [Span("", 6, 9), Span("", 15, 18)]
    assert question_review.answer_places("", "text") == []


def test_an_answer_that_does_not_stand_there_is_said_not_to_and_all_is_escaped(tmp_path, press):
    path = questions.save([WrittenQuestion(" Who? ", "<i>", Span("d", 0, 3))], tmp_path / "questions.jsonl")
    widget = widgets.QuestionReview(path, [Document("d", "<D>", "a<b")])
    said = press(widget, "?")
    assert "does not hold the answer" in said and "&lt;D&gt;" in said and "a&lt;b" in said
    # Blanks around a question are no edit of it.
    assert widget.keep().original is None and questions.load(path)[0].question == " Who? "


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
