"""What the course's questions ask for, told by their wordings."""

from __future__ import annotations

from labkit.corpus import Question, relation_of

# What the wordings of the course ask to be done with the values found.
OPERATIONS = {"compare.longer": "larger", "compare.higher": "larger", "compare.same": "same",
              "compare.difference": "difference", "list.above": "list above", "list.below": "list below",
              "list.value": "list equal"}  # fmt: skip
_REGISTER = {"multihop.parent_of_party": "parent company", "multihop.officer_of_party": "chief executive",
             "multihop.seat_of_party": "seat"}  # fmt: skip


def labels(question: Question) -> tuple[str, str] | None:
    """Operation and relation of a question with a known wording; None where it asks for no single relation."""
    wording = question.wording.rsplit(".", 1)[0]
    relation = _REGISTER.get(wording) or (relation_of(question.category) if question.category else None)
    if relation is None or question.task in ("classify", "summarise"):
        return None
    return OPERATIONS.get(wording, "value"), relation
