"""The machinery of the lessons: recorded figures, plots, running every lesson."""

# The names that the room offers; where each is defined is where it is documented.
# fmt: off
from labkit.course.doctor import examine, page
from labkit.course.notebooks import execute, machine, notebooks, run
from labkit.course.plots import COLOURS, show, show_graph, show_shares
from labkit.course.records import figures_table, record
from labkit.course.sentences import finding, say
