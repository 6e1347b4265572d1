"""Metrics of answers and of retrieved passages. The intervals of their means are in `labkit.stats`.

Floor 2.
"""

# The names that the room offers; where each is defined is where it is documented.
# fmt: off
from labkit.metrics.answers import (
    AnswerScore, checklist, exact_match, field_f1, normalise, refusal_f1, score_answer, set_f1, set_precision_recall,
    summarise_answers, token_f1,
)
from labkit.metrics.retrieval import (
    Place, RetrievalScore, covered, covers, evidence_in_prompt, evidence_recall, score_retrieval,
)
