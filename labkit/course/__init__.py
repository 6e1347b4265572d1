"""The machinery of the lessons: recorded figures, plots, running every lesson.

Floor 6.
"""

from labkit.course.notebooks import machine, notebooks, run
from labkit.course.plots import COLOURS, show, show_graph, show_shares
from labkit.course.records import figures_table, record

__all__ = [
    "COLOURS",
    "figures_table",
    "machine",
    "notebooks",
    "record",
    "run",
    "show",
    "show_graph",
    "show_shares",
]
