"""The calculator of lesson 13: move an assumption or a price, and see which arm brings most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from html import escape
from typing import Any

import pandas as pd

from labkit import roi
from labkit.widgets.display import STYLE, Explorer

# Two columns where there is room.
_LAYOUT = {"layout": {"width": "48%", "min_width": "31em"}, "style": {"description_width": "20em"}}


class Calculator(Explorer):
    """Sliders for the assumptions and fields for the prices; `set` does the same without a screen.

    Attributes:
        assumed: the assumptions now.
        prices: the prices now, by id.
    """

    def __init__(self, arms: Sequence[roi.Arm], assumed: roi.Assumptions, prices: roi.Prices) -> None:
        """Show the answer for the assumptions and prices given.

        Args:
            arms: to compare.
            assumed: the assumptions at first.
            prices: by id.

        Raises:
            ValueError: the arms cannot be compared, or a price cannot be used.
        """
        import ipywidgets

        self.arms, self.assumed, self.prices = arms, assumed, roi.changed(assumed, prices, {})[1]
        currency, sources = prices[assumed.person]["currency"], []
        self.controls = {
            f.name: _slider(f.metadata, getattr(assumed, f.name), currency) for f in fields(assumed) if f.metadata
        }
        for role, (name, unit) in zip(
            ("machine", "person", "engineer", "prompt", "reply"), assumed.wanted(), strict=True
        ):
            price, said = prices[name], f"{role} ({currency} by the {unit})"
            sources.append(escape(f"{role}: {price['what']} ({price['source']}, {price['period']})"))
            self.controls[name] = ipywidgets.FloatText(price["amount"], step=0.01, description=said, **_LAYOUT)
        for name, control in self.controls.items():
            control.observe(partial(self._moved, name), names="value")
        grid = ipywidgets.Box(list(self.controls.values()), layout={"flex_flow": "row wrap"})
        self._view, below = ipywidgets.HTML(), ipywidgets.HTML(f'<div style="{STYLE}">{"<br>".join(sources)}</div>')
        box = ipywidgets.VBox([self._view, grid, below])
        super().__init__(box, lambda: roi.summary(self.arms, self.assumed, self.prices))
        self._draw()

    def set(self, **values: float) -> pd.DataFrame:
        """Change assumptions, by name, or prices, by id; the controls follow.

        Returns:
            What `table` says then.

        Raises:
            ValueError: there is no such figure, or it cannot have that value; then nothing changes.
        """
        self.assumed, self.prices = roi.changed(self.assumed, self.prices, values)
        for name in values.keys() & self.controls.keys():
            control, value = self.controls[name], values[name]
            if hasattr(control, "max"):  # a slider would cut off what lies beyond its end
                ends = _ends(value) if hasattr(control, "base") else (value, value)
                control.min, control.max = min(control.min, ends[0]), max(control.max, ends[1])
            control.value = value
        self._draw()
        return self.table()

    def _moved(self, name: str, change: Any) -> None:
        try:
            self.assumed, self.prices = roi.changed(self.assumed, self.prices, {name: change["new"]})
            self._draw()
        except ValueError as cause:
            self._draw(f"{cause} The answer below is that of before.")

    def _draw(self, warning: str = "") -> None:
        answer = roi.verdict(self.arms, self.assumed, self.prices)
        self._view.value = (
            f'<div style="{STYLE}"><p style="color:#b00000">{escape(warning)}</p><p><b>{escape(answer)}</b></p>'
            f'<div style="overflow-x:auto">{self.table().to_html(index=False)}</div></div>'
        )


def _slider(metadata: Any, value: float, currency: str) -> Any:
    """A slider from end to end of an assumption, by its logarithm where that spans three powers of ten."""
    import ipywidgets

    (low, high), what, unit = metadata["slider"], metadata["what"], metadata["unit"].replace("money", currency)
    said = what if unit in what else f"{what} ({unit})"
    rest: dict[str, Any] = {"value": value, "description": said, "continuous_update": False, **_LAYOUT}
    if low and high / low >= 1000:
        (low, _), (_, high) = _ends(min(low, value)), _ends(max(high, value))
        return ipywidgets.FloatLogSlider(min=low, max=high, step=0.05, **rest)
    return ipywidgets.FloatSlider(min=min(low, value), max=max(high, value), step=(high - low) / 200, **rest)


def _ends(value: float) -> tuple[int, int]:
    """The powers of ten below and above a value."""
    return math.floor(math.log10(value)), math.ceil(math.log10(value))
