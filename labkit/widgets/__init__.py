"""Widgets of the lessons: things to move and click, each with a table where there is no screen."""

# The names that the room offers; where each is defined is where it is documented.
# fmt: off
from labkit.widgets.decisions import QuestionReview, Rating
from labkit.widgets.display import Explorer, highlighted
from labkit.widgets.explorers import (
    Calculator, chunk_explorer, document_matrix, error_browser, graph_explorer, retrieval_explorer,
)
