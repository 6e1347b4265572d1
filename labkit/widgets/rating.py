"""Two answers to a question, side by side; which is better is judged by clicking, by typing a key, or by calling."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from difflib import SequenceMatcher
from functools import partial
from html import escape

from labkit.corpus import Span
from labkit.feedback import Comparison, Judgement, Store, Verdict
from labkit.widgets.display import framed
from labkit.widgets.stepper import WHOLE, Stepper

# What a rater says, and what that is in the store where the first answer stands on the left, and on the right.
VERDICTS: dict[str, tuple[Verdict, Verdict]] = {
    "left": ("first", "second"), "right": ("second", "first"), "tie": ("tie", "tie"),
    "both bad": ("both_bad", "both_bad"),
}  # fmt: skip


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
        import ipywidgets

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
