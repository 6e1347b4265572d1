"""The machinery of the lessons: recorded figures, plots."""

# The names that the room offers; where each is defined is where it is documented.
# fmt: off
from labkit.course.doctor import examine, machine, page
from labkit.course.lessons import notebooks, read_record, record
from labkit.course.output import COLOURS, finding, say, show, show_shares
