"""One item after another: a decision on each, by button, key or method call, kept before the next is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from labkit.widgets.display import Explorer, styled

# Of a field to write in: its text is sent when the cursor leaves it. Sent letter by letter, the last ones may arrive
# behind the key or click that decides.
WHOLE = {"continuous_update": False}


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
        import ipywidgets

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
