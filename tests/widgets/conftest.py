"""Controls of the widgets, moved from Python as a browser moves them."""

from __future__ import annotations

import ipywidgets
import pytest


@pytest.fixture
def press():
    """Types a key into the box of keys, as a browser does, or clicks the button that carries a label."""

    def controls(widget) -> list[ipywidgets.Widget]:
        children = list(widget.box.children)
        return [*children, *(control for child in children for control in getattr(child, "children", ()))]

    def press(widget, key: str) -> str:
        """What the widget says then."""
        if len(key) == 1:
            box = next(c for c in controls(widget) if getattr(c, "placeholder", "") == "type a key here")
            box.set_state({"value": key})
            assert box.value == ""
        else:
            next(c for c in controls(widget) if getattr(c, "description", "").startswith(key)).click()
        return " ".join(c.value for c in controls(widget) if isinstance(c, ipywidgets.HTML))

    return press
