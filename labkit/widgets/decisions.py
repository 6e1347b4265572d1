"""One item after another, decided by a person: two answers to compare, written questions to keep or drop.

Each decision, by button, key or method call, is kept before the next item is shown.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
import pandas as pd

from labkit import questions, values
from labkit.corpus import Document, Span
from labkit.feedback import Comparison, Judgement, Store, Verdict
from labkit.widgets.display import Explorer, framed, styled

# Of a field to write in: its text is sent when the cursor leaves it. Sent letter by letter, the last ones may arrive
# behind the key or click that decides.
WHOLE = {"continuous_update": False}
# What a rater says, and what that is in the store where the first answer stands on the left, and on the right.
VERDICTS: dict[str, tuple[Verdict, Verdict]] = {
    "left": ("first", "second"), "right": ("second", "first"), "tie": ("tie", "tie"),
    "both bad": ("both_bad", "both_bad"),
}  # fmt: skip


class Stepper(Explorer):
    """Shows one item after another; the base of the widgets that ask a person to decide.

    Each action has a button and a key. Keys are typed into a box of text: that works in JupyterLab and Colab without an
    extension, and the cursor stays where it is. No control is ever hidden or disabled, since it would lose the focus;
    what is long stands below the controls, so that they hardly move.

    Attributes:
        shown: the item in view; None when none is left.
    """

    done = "done"

    # What a widget adds: the items that wait, and the number of those decided; the fields filled for the item in view,
    # or emptied; the item as names and texts, and as HTML above and below the controls; the number of each decision.
    _items: Callable[[], tuple[list[Any], int]]
    _fill: Callable[[], None]
    _texts: Callable[[], list[tuple[str, str]]]
    _html: Callable[[], tuple[str, str]]
    _counts: Callable[[], Mapping[str, int]]

    def __init__(self, actions: Mapping[str, tuple[str, Callable[[], object]]], fields: Sequence[Any] = ()) -> None:
        """Draw the first item.

        Args:
            actions: for each key the label of its button, and what it does.
            fields: widgets to write in, above the buttons; make them with `WHOLE`.
        """
        self.shown: Any = None
        self._actions = {key: act for key, (_, act) in actions.items()}
        self._above, self._below, self._status = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self._keys = ipywidgets.Text(placeholder="type a key here", layout={"width": "9em"})
        self._keys.observe(self._typed, names="value")
        buttons = []
        for key, (label, _) in actions.items():
            buttons.append(ipywidgets.Button(description=f"{label} ({key})", layout={"width": "auto"}))
            buttons[-1].on_click(lambda _, key=key: self._do(key))
        row = ipywidgets.Box([self._keys, *buttons], layout={"flex_flow": "row wrap"})
        box = ipywidgets.VBox([self._above, *fields, self._status, row, self._below])
        super().__init__(box, self._table)
        self._step()

    def _typed(self, change: Mapping[str, Any]) -> None:
        key = str(change["new"]).lower()
        self._keys.value = ""
        if len(key) == 1:
            self._do(key)
        elif key:
            # Typed while the kernel was busy: it must not decide on an item that nobody has seen.
            self._say("That was typed too early: type one key, and wait for the next to be shown.")

    def _do(self, key: str) -> None:
        try:
            if key not in self._actions:
                raise ValueError(f"The keys are {', '.join(self._actions)}.")
            self._actions[key]()
        except ValueError as cause:
            self._say(str(cause))

    def _step(self, item: Any = None, message: str = "") -> None:
        """Show an item, by default the first that waits."""
        waiting, decided = self._items()
        self.shown = item or next(iter(waiting), None)
        self._progress = f"{decided} of {decided + len(waiting)} {self.done}."
        self._fill()
        none = f"<b>None is left.</b>{self._table().to_html(index=False)}"
        above, below = self._html() if self.shown else (none, "")
        self._above.value, self._below.value = styled(above), styled(below)
        self._say(message)

    def _say(self, message: str) -> None:
        self._status.value = styled(f"{self._progress} <b>{escape(message)}</b>")

    def _current(self) -> Any:
        if self.shown is None:
            raise ValueError(f"None is left: {self._progress}")
        return self.shown

    def _table(self) -> pd.DataFrame:
        if self.shown is None:
            return pd.DataFrame(self._counts().items(), columns=["decision", "number"])
        return pd.DataFrame([("progress", self._progress), *self._texts()], columns=["shown", "text"])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """As of every widget, with the texts in full."""
        with pd.option_context("display.max_colwidth", None):
            bundle = super()._repr_mimebundle_(include, exclude)
        return bundle | {"text/plain": "\n".join(": ".join(map(str, row)) for row in self.table().to_numpy())}


class Rating(Stepper):
    """Judge the comparisons of a store, one after another, on the screen or by method call.

    Each judgement is in the store before the next comparison is shown; made anew, the widget goes on where it stopped.
    Which answer stands on the left is drawn at random, for each rater and comparison the same every time.
    """

    done = "judged"
    shown: Comparison | None

    def __init__(self, store: Store, rater: str) -> None:
        """Show the first comparison that the rater has not judged.

        Args:
            store: holds the comparisons, and takes the judgements.
            rater: who judges.

        Raises:
            ValueError: the store holds no comparisons.
        """
        if not store.comparisons():
            raise ValueError("There is nothing to judge: put comparisons into the store with `store.add`.")
        self.store, self.rater = store, rater
        better = "If you have a better answer, write it here: it is kept with your verdict."
        self._own = ipywidgets.Textarea(placeholder=better, layout={"width": "99%", "height": "4.5em"}, **WHOLE)
        labels = ("Left is better", "Right is better", "Tie", "Both bad")
        actions: dict[str, tuple[str, Callable[[], object]]] = {
            key: (label, partial(self.judge, verdict))
            for key, label, verdict in zip("12tb", labels, VERDICTS, strict=True)
        }
        actions |= {key: (f"Edit {side}", partial(self._copy, side)) for key, side in (("e", "left"), ("r", "right"))}
        actions["u"] = ("Undo", self.undo)
        super().__init__(actions, [self._own])

    def judge(self, verdict: str) -> Judgement:
        """Judge the comparison in view, and show the next; a better answer that was typed is kept with the verdict.

        Args:
            verdict: one of `VERDICTS`, of the answers as they are shown.

        Returns:
            What the store now holds.

        Raises:
            ValueError: there is no such verdict, all comparisons are judged, or the store refuses.
        """
        comparison, left = self._current(), self._left()
        if verdict not in VERDICTS:
            raise ValueError(f"There is no verdict {verdict!r}: take one of {', '.join(VERDICTS)}.")
        # An answer that was copied to be edited and then left as it was is no edit.
        edited = self._own.value.strip() if self._is_edit(self._own.value) else None
        kept = self.store.judge(comparison.id, self.rater, VERDICTS[verdict][left], left, edited)
        self._step()
        return kept

    def edit(self, text: str, verdict: str = "both bad") -> Judgement:
        """Judge the comparison in view with a better answer of one's own, and show the next.

        Args:
            text: the better answer.
            verdict: of the two in view; "left" or "right" says which of them was edited.

        Raises:
            ValueError: the text is empty or one of the two answers; or as in `judge`.
        """
        if not self._is_edit(text):
            raise ValueError("This is no edit: write an answer that is better than the two.")
        self._own.value = text
        return self.judge(verdict)

    def undo(self) -> Judgement:
        """Take the rater's last judgement back, also one from before a restart, and show its comparison again.

        Raises:
            ValueError: the rater has judged nothing.
        """
        undone = self.store.undo(self.rater)
        if undone is None:
            raise ValueError("There is nothing to undo.")
        self._step(next(c for c in self.store.comparisons() if c.id == undone.comparison), "Undone.")
        self._own.value = undone.edited or ""
        return undone

    def _is_edit(self, text: str) -> bool:
        return text.strip() not in ("", *(answer.strip() for answer in self._current().answers))

    def _left(self) -> int:
        return random.Random(f"{self.rater} {self._current().id}").randrange(2)

    def _copy(self, side: str) -> None:
        self._own.value = dict(self._texts())[side]
        self._say("Edit it in the field above (Shift+Tab goes there), then give your verdict.")

    def _items(self) -> tuple[list[Comparison], int]:
        waiting = self.store.pending(self.rater)
        return waiting, len(self.store.comparisons()) - len(waiting)

    def _fill(self) -> None:
        self._own.value = ""

    def _texts(self) -> list[tuple[str, str]]:
        shown, left = self._current(), self._left()
        passages = [(f"[{i}] {p.title}", p.text) for i, p in enumerate(shown.passages, start=1)]
        answers = [("left", shown.answers[left]), ("right", shown.answers[1 - left])]
        return [("question", shown.question), *passages, *answers]

    def _html(self) -> tuple[str, str]:
        (_, question), *passages, left, right = self._texts()
        same = "<p>The two answers are the same.</p>" if left[1] == right[1] else ""
        answers = "".join(
            framed([(*answer, marks)], "flex:1 1 18em;max-height:22em")
            for answer, marks in zip((left, right), differences(left[1], right[1]), strict=True)
        )
        above = (
            f'<p><b>{escape(question)}</b></p><div style="display:flex;flex-wrap:wrap;gap:8px">{answers}</div>{same}'
        )
        return above, f"<p>Passages: {len(passages)}</p>{framed((*passage, []) for passage in passages)}"

    def _counts(self) -> dict[str, int]:
        judgements = self.store.judgements(self.rater)
        given = Counter(next(v for v, stored in VERDICTS.items() if stored[j.left] == j.verdict) for j in judgements)
        return {v: given[v] for v in VERDICTS} | {"edited": sum(j.edited is not None for j in judgements)}


def differences(first: str, second: str) -> tuple[list[Span], list[Span]]:
    """The runs of words in which two texts differ, in each of them."""
    one, other = ([m.span() for m in re.finditer(r"\S+", text)] for text in (first, second))
    matcher = SequenceMatcher(None, [first[a:b] for a, b in one], [second[a:b] for a, b in other], autojunk=False)
    changed = [places for tag, *places in matcher.get_opcodes() if tag != "equal"]
    return (
        [Span("", one[a][0], one[b - 1][1]) for a, b, _, _ in changed if a < b],
        [Span("", other[a][0], other[b - 1][1]) for _, _, a, b in changed if a < b],
    )


class QuestionReview(Stepper):
    """Check the questions that passed the filters, one after another, on the screen or by method call.

    Each decision is in the file before the next question is shown; made anew, the widget goes on where it stopped.

    Attributes:
        path: the file of questions.
        shown: the question in view; None when all are checked.
    """

    done = "checked"
    shown: questions.WrittenQuestion | None

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
        super().__init__({"k": ("Keep", self.keep), "d": ("Drop", self.drop)}, [self._question, self._answer])

    def keep(self) -> questions.WrittenQuestion:
        """Keep the question with the words that stand in the fields, and show the next.

        Raises:
            ValueError: a field is empty, all questions are checked, or the file cannot be written.
        """
        shown = self._current()
        question, answer = self._question.value.strip(), self._answer.value.strip()
        if not question or not answer:
            raise ValueError("A question needs words, and an answer: write both, or drop it.")
        return self._write(shown, replace(shown, question=question, answer=answer, checked=True))

    def drop(self) -> questions.WrittenQuestion:
        """Drop the question, and show the next.

        Raises:
            ValueError: all questions are checked, or the file cannot be written.
        """
        shown = self._current()
        return self._write(shown, replace(shown, dropped=questions.BY_HAND, checked=True))

    def _write(self, old: questions.WrittenQuestion, new: questions.WrittenQuestion) -> questions.WrittenQuestion:
        rows = questions.load(self.path)
        if old not in rows:
            self._step()
            raise ValueError("Somebody else has decided on this question or changed it; nothing was saved.")
        rows[rows.index(old)] = new
        questions.save(rows, self.path)
        self._step()
        return new

    def _items(self) -> tuple[list[questions.WrittenQuestion], int]:
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
        dropped = [row.dropped is not None for row in questions.load(self.path) if row.checked]
        return {"kept": dropped.count(False), "dropped": dropped.count(True)}


def answer_places(answer: str, text: str) -> list[Span]:
    """Where an answer stands in a text, whatever its case and blanks; else where the text states the same value."""
    words = r"\s+".join(map(re.escape, answer.split()))
    found = [m.span() for m in re.finditer(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE)] if words else []
    # The places of values count the characters of the text in its plain form.
    if not found and (value := values.parse_value(answer)) and len(values.plain(text)) == len(text):
        found = [(start, end) for start, end, other in values.scan(text) if other == value]
    return [Span("", start, end) for start, end in found]
