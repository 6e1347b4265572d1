"""How a widget is shown: on the screen, as a table where there is none, with a text's spans marked.

Widgets work with ipywidgets 7 and 8. What a widget shows comes from plain functions, so that a table, a test and the
screen agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import ipywidgets
import pandas as pd

from labkit.corpus import Span

STYLE = "font-family:sans-serif;font-size:13px;line-height:1.45"
# Two greys that alternate from block to block; what is marked is also underlined, as colour alone is not enough.
_SHADES = ("#f4f4f4", "#dfe7ee")
_MARK = "background:#ffe08a;color:#000;text-decoration:underline"


class Explorer:
    """A widget, and a table that says the same without a screen.

    Attributes:
        box: the widget, a container of ipywidgets.
        table: what it shows first, as a table.
    """

    def __init__(self, box: Any, table: Callable[[], pd.DataFrame]) -> None:
        self.box = box
        self.table = table

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The widget for JupyterLab and Colab; a table for GitHub, a report or a printout."""
        shown = self.table()
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return {
            "application/vnd.jupyter.widget-view+json": view,
            "text/html": shown.to_html(index=False),
            "text/plain": shown.to_string(index=False),
        }


def explorer(
    rows: Sequence[Any], html: Callable[[], str], table: Callable[[], pd.DataFrame], moved: Sequence[Any]
) -> Explorer:
    """Controls, and below them a view that is drawn anew when one of them is moved or clicked.

    Args:
        rows: controls, or lists of controls that stand side by side.
        html: what the view shows; a ValueError is shown as its message.
        table: the same without a screen.
        moved: the controls that draw anew.
    """
    view = ipywidgets.HTML()

    def draw(_: Any = None) -> None:
        try:
            view.value = styled(html())
        except ValueError as cause:
            view.value = styled(f"<b>{escape(str(cause))}</b>")

    for control in moved:
        if isinstance(control, ipywidgets.Button):
            control.on_click(draw)
        else:
            control.observe(draw, names="value")
    draw()
    lines = [ipywidgets.HBox(row) if isinstance(row, list) else row for row in rows]
    return Explorer(ipywidgets.VBox([*lines, view]), table)


def styled(html: str) -> str:
    """HTML in the letters of the widgets."""
    return f'<div style="{STYLE}">{html}</div>'


def highlighted(text: str, evidence: Sequence[Span]) -> str:
    """A text as HTML, spans of it marked; what of them lies outside is left out."""
    parts, at = [], 0
    for span in sorted(evidence, key=lambda s: s.start):
        begin, end = max(at, span.start), min(len(text), span.end)
        if begin < end:
            parts += [escape(text[at:begin]), f'<mark style="{_MARK}">{escape(text[begin:end])}</mark>']
            at = end
    return "".join([*parts, escape(text[at:])]).replace("\n", "<br>")


def framed(texts: Iterable[tuple[str, str, Sequence[Span]]], style: str = "max-height:16em") -> str:
    """Texts of any length, below each other in a frame that scrolls and that the keyboard reaches.

    Args:
        texts: title, text and the spans of the text to be marked.
        style: CSS of the frame.
    """
    blocks = "".join(
        f'<div style="background:{_SHADES[number % 2]};color:#000;padding:4px 8px"><b>{escape(title)}</b><br>'
        f"{highlighted(text, marks)}</div>"
        for number, (title, text, marks) in enumerate(texts, start=1)
    )
    return f'<div tabindex="0" style="overflow:auto;border:1px solid #999;{style}">{blocks}</div>'
