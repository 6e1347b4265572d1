"""Widgets of the lessons: things to move and click, each with a table where there is no screen."""

# The names that the room offers; where each is defined is where it is documented.
# fmt: off
from labkit.widgets.calculator import Calculator
from labkit.widgets.display import Explorer, highlighted
from labkit.widgets.explorers import (
    answer_html, chunk_explorer, chunk_html, chunk_table, document_matrix, error_browser, errors_table, graph_explorer,
    matrix_table, replies_table, retrieval_explorer, sentence, stages_table, triples_table,
)
from labkit.widgets.question_review import QuestionReview
from labkit.widgets.rating import Rating
