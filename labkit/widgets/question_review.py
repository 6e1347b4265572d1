"""Questions that a model wrote, checked by a person: kept, edited or dropped, each with its passage in view."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from labkit import questions, values
from labkit.corpus import Document, Span
from labkit.questions import WrittenQuestion
from labkit.widgets.display import framed
from labkit.widgets.stepper import WHOLE, Stepper


class QuestionReview(Stepper):
    """Check the questions that passed the filters, one after another, on the screen or by method call.

    Each decision is in the file before the next question is shown; made anew, the widget goes on where it stopped.

    Attributes:
        path: the file of questions.
        shown: the question in view; None when all are checked.
    """

    done = "checked"
    shown: WrittenQuestion | None

    def __init__(self, path: str | Path, documents: Sequence[Document]) -> None:
        """Show the first question that nobody has checked.

        Args:
            path: a file that `labkit questions` or `questions.save` wrote.
            documents: those that the questions were written from, as `corpus.load_folder` reads them.

        Raises:
            ValueError: the file holds something else or no question to check, or the documents are not those of its
                questions.
            FileNotFoundError: there is no such file.
        """
        import ipywidgets

        self.path = Path(path)
        self._documents = {d.id: d for d in documents}
        asked = [row for row in questions.load(self.path) if row.checked or row.dropped is None]
        if not asked:
            raise ValueError(f"There is nothing to check: no question of {self.path.name} passed the filters.")
        lengths = {d.id: len(d.text) for d in documents}
        if lost := [s.document for s in (row.source for row in asked) if lengths.get(s.document, -1) < s.end]:
            raise ValueError(
                f"{self.path.name} asks about {lost[0]!r}, which is not among the documents, or was longer: give the "
                "documents that the questions were written from."
            )
        self._question = ipywidgets.Textarea(description="question", layout={"width": "99%", "height": "4em"}, **WHOLE)
        self._answer = ipywidgets.Text(description="answer", layout={"width": "99%"}, **WHOLE)
        actions = {"k": ("Keep", self.keep), "d": ("Drop", self.drop), "u": ("Undo", self.undo)}
        super().__init__(actions, [self._question, self._answer])

    def keep(self) -> WrittenQuestion:
        """Keep the question with the words that stand in the fields, and show the next.

        Raises:
            ValueError: a field is empty, all questions are checked, or the file cannot be written.
        """
        row = shown = self._current()
        question, answer = self._question.value.strip(), self._answer.value.strip()
        if not question or not answer:
            raise ValueError("A question needs words, and an answer: write both, or drop it.")
        if (question, answer) != (row.question.strip(), (row.answer or "").strip()):
            row = replace(row, question=question, answer=answer, original=(row.question, row.answer))
        return self._write(shown, replace(row, checked=True))

    def edit(self, question: str | None = None, answer: str | None = None) -> WrittenQuestion:
        """Keep the question with other words, and show the next; what is None stays. Errors as in `keep`."""
        for field, text in ((self._question, question), (self._answer, answer)):
            field.value = field.value if text is None else text
        return self.keep()

    def drop(self) -> WrittenQuestion:
        """Drop the question, and show the next.

        Raises:
            ValueError: all questions are checked, or the file cannot be written.
        """
        shown = self._current()
        return self._write(shown, replace(shown, dropped=questions.BY_HAND, checked=True))

    def undo(self) -> WrittenQuestion:
        """Take the last decision in the file back, also one from before a restart, and show its question again.

        Raises:
            ValueError: nothing was decided, or the file cannot be written.
        """
        checked = [row for row in questions.load(self.path) if row.checked]
        if not checked:
            raise ValueError("There is nothing to undo.")
        row = checked[-1]
        question, answer = row.original or (row.question, row.answer)
        before = replace(row, question=question, answer=answer, dropped=None, checked=False, original=None)
        return self._write(row, before)

    def _write(self, old: WrittenQuestion, new: WrittenQuestion) -> WrittenQuestion:
        rows = questions.load(self.path)
        if old not in rows:
            self._step()
            raise ValueError("Somebody else has decided on this question or changed it; nothing was saved.")
        rows[rows.index(old)] = new
        questions.save(rows, self.path)
        self._step(None if new.checked else new, "" if new.checked else "Undone.")
        return new

    def _items(self) -> tuple[list[WrittenQuestion], int]:
        rows = questions.load(self.path)
        return [row for row in rows if row.dropped is None and not row.checked], sum(row.checked for row in rows)

    def _fill(self) -> None:
        row = self.shown
        self._question.value, self._answer.value = (row.question, row.answer or "") if row else ("", "")

    def _texts(self) -> list[tuple[str, str]]:
        row = self._current()
        document = self._documents[row.source.document]
        return [("question", row.question), ("answer", row.answer), (document.title, document.quote(row.source))]

    def _html(self) -> tuple[str, str]:
        _, (_, answer), (title, text) = self._texts()
        places = answer_places(answer or "", text)
        note = "" if places else "<p>The passage does not hold the answer in these words.</p>"
        return "", note + framed([(title, text, places)])

    def _counts(self) -> dict[str, int]:
        checked = [row for row in questions.load(self.path) if row.checked]
        made = ["dropped" if row.dropped else "edited" if row.original else "kept" for row in checked]
        return {name: made.count(name) for name in ("kept", "edited", "dropped")}


def answer_places(answer: str, text: str) -> list[Span]:
    """Where an answer stands in a text, whatever its case and blanks; else where the text states the same value."""
    words = r"\s+".join(map(re.escape, answer.split()))
    found = [m.span() for m in re.finditer(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE)] if words else []
    # The places of values count the characters of the text in its plain form.
    if not found and (value := values.parse_value(answer)) and len(values.plain(text)) == len(text):
        found = [(start, end) for start, end, other in values.scan(text) if other == value]
    return [Span("", start, end) for start, end in found]
