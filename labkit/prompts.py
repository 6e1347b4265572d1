"""The course's prompts, one place for every model.

A prompt is a list of chat messages; the model's own chat template turns it into text.
The reader was trained on these messages; a large model reads them as plain instructions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Message = dict[str, str]

REFUSAL = "I don't know."
NOT_STATED = "not stated"

# Every instruction by name, as the reader is trained and measured on it.
INSTRUCTIONS = {
    "answer": (
        "Answer the question from the numbered passages only, in as few words as possible, "
        "and cite the passage like [1]. "
        f"If the passages do not contain the answer, reply: {REFUSAL}"
    ),
    "closed_book": (
        f"Answer the question from memory, in as few words as possible. If you do not know the answer, reply: {REFUSAL}"
    ),
    "hyde": "Write a short passage, as it could stand in a document, that would answer the question.",
    "questions": "Write the questions that the passage answers, one a line.",
    "rewrite": "Rewrite the follow-up as a question that can be understood on its own.",
    "decompose": (
        "Split the question into simple questions, one a line, that together answer it. "
        "A question that asks for one fact stays as it is."
    ),
    "triples": (
        "List the facts of the passage that fit the relations, one a line, as: subject | relation | object. "
        "If there are none, reply: none."
    ),
    "judge": "Is the answer right according to the passages? Reply yes or no.",
    "prefer": "Which of the two answers is better according to the passages? Reply A or B.",
    "compare": "Answer the question by comparing the values found, in as few words as possible.",
    "classify": "Name the rule that the clause falls under and the rating that the rule gives it, as: name, rating.",
    "term_sheet": (
        "Fill in the term sheet from the passages: one line a field, as: field: value. "
        f"Where the passages do not say, write: {NOT_STATED}."
    ),
    "draft": (
        "Write the notice that is asked for, from the passages only: address the other party, name the contract and "
        "its date, and state the notice period and the day on which the contract ends."
    ),
}
# Longest reply that an instruction needs, in tokens of the reader; the others need no more than an answer.
NEW_TOKENS = {
    "hyde": 64,
    "questions": 160,
    "rewrite": 64,
    "decompose": 96,
    "triples": 200,
    "term_sheet": 200,
    "draft": 160,
}


@dataclass(frozen=True)
class Passage:
    """A piece of a document as the model sees it: a title line and the text below it."""

    title: str
    text: str


def numbered(passages: Sequence[Passage], first: int = 1) -> str:
    """Passages as the text of a prompt: `[1] title`, the passage, a blank line, and so on, counted from `first`."""
    return "\n\n".join(f"[{i}] {p.title}\n{p.text}" for i, p in enumerate(passages, start=first))


def _messages(instruction: str, content: str) -> list[Message]:
    return [{"role": "system", "content": INSTRUCTIONS[instruction]}, {"role": "user", "content": content}]


def _asked(question: str) -> str:
    if not question.strip():
        raise ValueError("The question is empty: write one.")
    return question.strip()


def _context(passages: Sequence[Passage]) -> str:
    return numbered(passages) if passages else "(no passages)"


def answer_messages(question: str, passages: Sequence[Passage]) -> list[Message]:
    """Messages that ask for an answer from `passages`, with the passage cited.

    Raises:
        ValueError: the question is empty.
    """
    return _messages("answer", f"{_context(passages)}\n\nQuestion: {_asked(question)}")


def closed_book_messages(question: str) -> list[Message]:
    """Messages that ask for an answer without any passage. Raises ValueError on an empty question."""
    return _messages("closed_book", f"Question: {_asked(question)}")


def hyde_messages(question: str) -> list[Message]:
    """Messages that ask for a made-up passage that would answer the question (Gao et al. 2023, HyDE).

    Raises:
        ValueError: the question is empty.
    """
    return _messages("hyde", f"Question: {_asked(question)}")


def questions_messages(passage: Passage) -> list[Message]:
    """Messages that ask for the questions a passage answers; `parse_lines` reads the reply."""
    return _messages("questions", numbered([passage]))


def rewrite_messages(history: Sequence[Message], followup: str) -> list[Message]:
    """Messages that ask for a follow-up as a question of its own.

    Args:
        history: earlier messages with roles "user" and "assistant", the oldest first.

    Raises:
        ValueError: the follow-up is empty.
    """
    names = {"user": "Question", "assistant": "Answer"}
    lines = [f"{names[m['role']]}: {m['content'].strip()}" for m in history]
    return _messages("rewrite", "\n".join([*lines, f"Follow-up: {_asked(followup)}"]))


def decompose_messages(question: str) -> list[Message]:
    """Messages that ask for simple questions; `parse_lines` reads the reply. Raises ValueError when empty."""
    return _messages("decompose", f"Question: {_asked(question)}")


def triples_messages(passage: Passage, relations: Sequence[str]) -> list[Message]:
    """Messages that ask for the facts of a passage as triples; `parse_triples` reads the reply.

    Args:
        relations: the relations wanted, in words ("parent company", "payment term").

    Raises:
        ValueError: no relation is given.
    """
    if not relations:
        raise ValueError("No relations: name those that you want to extract.")
    return _messages("triples", f"{numbered([passage])}\n\nRelations: {'; '.join(relations)}")


def judge_messages(question: str, answer: str, passages: Sequence[Passage]) -> list[Message]:
    """Messages that ask whether an answer is right; `parse_judgement` reads the reply. Raises ValueError when empty."""
    return _messages("judge", f"{_context(passages)}\n\nQuestion: {_asked(question)}\nAnswer: {answer.strip()}")


def prefer_messages(question: str, a: str, b: str, passages: Sequence[Passage]) -> list[Message]:
    """Messages that ask which answer is better; `parse_preference` reads the reply. Raises ValueError when empty."""
    asked = f"Question: {_asked(question)}\nA: {a.strip()}\nB: {b.strip()}"
    return _messages("prefer", f"{_context(passages)}\n\n{asked}")


def compare_messages(question: str, values: Sequence[tuple[str, str]]) -> list[Message]:
    """Messages that ask a question about values already found.

    Args:
        values: (what it is, its value) pairs, such as ("the Acme lease", "30 days").

    Raises:
        ValueError: the question is empty, or nothing was found.
    """
    if not values:
        raise ValueError("Nothing to compare: give the values that were found.")
    lines = "\n".join(f"{name}: {value}" for name, value in values)
    return _messages("compare", f"{lines}\n\nQuestion: {_asked(question)}")


def classify_messages(clause: str, rules: Sequence[Passage]) -> list[Message]:
    """Messages that ask for category and rating of a clause; `parse_classification` reads the reply.

    Raises:
        ValueError: no rule is given.
    """
    if not rules:
        raise ValueError("No rules: give the passages of the playbook that could hold the rule.")
    return _messages("classify", f"{numbered(rules)}\n\nClause: {clause.strip()}")


def term_sheet_messages(passages: Sequence[Passage], guide: str) -> list[Message]:
    """Messages that ask for a term sheet.

    Args:
        guide: what the sheet holds, a line a field.
    """
    return _messages("term_sheet", f"{_context(passages)}\n\nGuide:\n{guide.strip()}")


def draft_messages(request: str, passages: Sequence[Passage]) -> list[Message]:
    """Messages that ask for a short notice to the other party of a contract.

    Args:
        request: what the notice is to do, for whom ("Draft a notice of non-renewal of the Acme lease for Bolt Ltd.").
        passages: that hold the facts it must name.

    Raises:
        ValueError: the request is empty.
    """
    return _messages("draft", f"{_context(passages)}\n\nRequest: {_asked(request)}")
