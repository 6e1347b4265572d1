"""The course's prompts, one place for every model.

Floor 0. A prompt is a list of chat messages; the model's own chat template turns it into text.
The reader was trained on these messages; a large model reads them as plain instructions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

Message = dict[str, str]

REFUSAL = "I don't know."
NOT_STATED = "not stated"

ANSWER = (
    "Answer the question from the numbered passages only, in as few words as possible, "
    "and cite the passage like [1]. "
    f"If the passages do not contain the answer, reply: {REFUSAL}"
)


CLOSED_BOOK = (
    f"Answer the question from memory, in as few words as possible. If you do not know the answer, reply: {REFUSAL}"
)
HYDE = "Write a short passage, as it could stand in a document, that would answer the question."
QUESTIONS = "Write the questions that the passage answers, one a line."
REWRITE = "Rewrite the follow-up as a question that can be understood on its own."
DECOMPOSE = (
    "Split the question into simple questions, one a line, that together answer it. "
    "A question that asks for one fact stays as it is."
)
TRIPLES = (
    "List the facts of the passage that fit the relations, one a line, as: subject | relation | object. "
    "If there are none, reply: none."
)
JUDGE = "Is the answer right according to the passages? Reply yes or no."
PREFER = "Which of the two answers is better according to the passages? Reply A or B."
COMPARE = "Answer the question by comparing the values found, in as few words as possible."
CLASSIFY = "Name the rule that the clause falls under and the rating that the rule gives it, as: name, rating."
TERM_SHEET = (
    "Fill in the term sheet from the passages: one line a field, as: field: value. "
    f"Where the passages do not say, write: {NOT_STATED}."
)

# Every instruction by name, as the reader is trained and measured on it.
INSTRUCTIONS = {
    "answer": ANSWER,
    "closed_book": CLOSED_BOOK,
    "hyde": HYDE,
    "questions": QUESTIONS,
    "rewrite": REWRITE,
    "decompose": DECOMPOSE,
    "triples": TRIPLES,
    "judge": JUDGE,
    "prefer": PREFER,
    "compare": COMPARE,
    "classify": CLASSIFY,
    "term_sheet": TERM_SHEET,
}
# Longest reply that an instruction needs, in tokens of the reader; the others need no more than an answer.
NEW_TOKENS = {"hyde": 64, "questions": 160, "rewrite": 64, "decompose": 96, "triples": 200, "term_sheet": 200}


@dataclass(frozen=True)
class Passage:
    """A piece of a document as the model sees it: a title line and the text below it."""

    title: str
    text: str


@dataclass(frozen=True)
class Answer:
    """A model's reply, taken apart.

    Attributes:
        text: the answer without citations; the reply itself where it is a refusal.
        citations: passage numbers named in square brackets, from 1, in order, once each.
        refused: whether the model said that the passages do not hold the answer.
    """

    text: str
    citations: tuple[int, ...]
    refused: bool


def numbered(passages: Sequence[Passage], first: int = 1) -> str:
    """Passages as the text of a prompt: `[1] title`, the passage, a blank line, and so on, counted from `first`."""
    return "\n\n".join(f"[{i}] {p.title}\n{p.text}" for i, p in enumerate(passages, start=first))


def _messages(system: str, content: str) -> list[Message]:
    return [{"role": "system", "content": system}, {"role": "user", "content": content}]


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
    return _messages(ANSWER, f"{_context(passages)}\n\nQuestion: {_asked(question)}")


def closed_book_messages(question: str) -> list[Message]:
    """Messages that ask for an answer without any passage. Raises ValueError on an empty question."""
    return _messages(CLOSED_BOOK, f"Question: {_asked(question)}")


def hyde_messages(question: str) -> list[Message]:
    """Messages that ask for a made-up passage that would answer the question (Gao et al. 2023, HyDE).

    Raises:
        ValueError: the question is empty.
    """
    return _messages(HYDE, f"Question: {_asked(question)}")


def questions_messages(passage: Passage) -> list[Message]:
    """Messages that ask for the questions a passage answers; `parse_lines` reads the reply."""
    return _messages(QUESTIONS, numbered([passage]))


def rewrite_messages(history: Sequence[Message], followup: str) -> list[Message]:
    """Messages that ask for a follow-up as a question of its own.

    Args:
        history: earlier messages with roles "user" and "assistant", the oldest first.

    Raises:
        ValueError: the follow-up is empty.
    """
    names = {"user": "Question", "assistant": "Answer"}
    lines = [f"{names[m['role']]}: {m['content'].strip()}" for m in history]
    return _messages(REWRITE, "\n".join([*lines, f"Follow-up: {_asked(followup)}"]))


def decompose_messages(question: str) -> list[Message]:
    """Messages that ask for simple questions; `parse_lines` reads the reply. Raises ValueError when empty."""
    return _messages(DECOMPOSE, f"Question: {_asked(question)}")


def triples_messages(passage: Passage, relations: Sequence[str]) -> list[Message]:
    """Messages that ask for the facts of a passage as triples; `parse_triples` reads the reply.

    Args:
        relations: the relations wanted, in words ("parent company", "payment term").

    Raises:
        ValueError: no relation is given.
    """
    if not relations:
        raise ValueError("No relations: name those that you want to extract.")
    return _messages(TRIPLES, f"{numbered([passage])}\n\nRelations: {'; '.join(relations)}")


def judge_messages(question: str, answer: str, passages: Sequence[Passage]) -> list[Message]:
    """Messages that ask whether an answer is right; `parse_judgement` reads the reply. Raises ValueError when empty."""
    return _messages(JUDGE, f"{_context(passages)}\n\nQuestion: {_asked(question)}\nAnswer: {answer.strip()}")


def prefer_messages(question: str, a: str, b: str, passages: Sequence[Passage]) -> list[Message]:
    """Messages that ask which answer is better; `parse_preference` reads the reply. Raises ValueError when empty."""
    asked = f"Question: {_asked(question)}\nA: {a.strip()}\nB: {b.strip()}"
    return _messages(PREFER, f"{_context(passages)}\n\n{asked}")


def compare_messages(question: str, found: Sequence[tuple[str, str]]) -> list[Message]:
    """Messages that ask a question about values already found.

    Args:
        found: (what it is, its value) pairs, such as ("the Acme lease", "30 days").

    Raises:
        ValueError: the question is empty, or nothing was found.
    """
    if not found:
        raise ValueError("Nothing to compare: give the values that were found.")
    lines = "\n".join(f"{name}: {value}" for name, value in found)
    return _messages(COMPARE, f"{lines}\n\nQuestion: {_asked(question)}")


def classify_messages(clause: str, rules: Sequence[Passage]) -> list[Message]:
    """Messages that ask for category and rating of a clause; `parse_classification` reads the reply.

    Raises:
        ValueError: no rule is given.
    """
    if not rules:
        raise ValueError("No rules: give the passages of the playbook that could hold the rule.")
    return _messages(CLASSIFY, f"{numbered(rules)}\n\nClause: {clause.strip()}")


def term_sheet_messages(passages: Sequence[Passage], guide: str) -> list[Message]:
    """Messages that ask for a term sheet; `parse_fields` reads the reply.

    Args:
        guide: what the sheet holds, a line a field.
    """
    return _messages(TERM_SHEET, f"{_context(passages)}\n\nGuide:\n{guide.strip()}")


_CITATION = re.compile(r"[ \t]*\[(\d+(?:\s*[,;]\s*\d+)*)\]")
# Ways to refuse. What is silent are the passages: "the contract contains no ..." answers a question about the contract,
# and so may "the document contains no ...", but not "the document does not say".
_GIVEN = r"(?:(?:provided|given|numbered|above|retrieved|available|relevant) )*"
_SOURCE = rf"{_GIVEN}(?:passages?|contexts?|excerpts?|sources?)(?: (?:provided|given|above))?"
_THE_SOURCE = rf"(?:(?:the|these|those|this|your) )?{_SOURCE}"
_DOES_NOT = r"(?:do not|does not|don'?t|doesn'?t)(?: \w+ly)?"
_IS_NOT = r"(?:(?:'s| is| was)? ?not|(?: isn'?t| wasn'?t))(?: \w+ly)?"
_SAYS = r"(?:says?|states?|mentions?|specif(?:y|ies)|indicates?|tells?)"
_HOLDS = rf"(?:{_SAYS}|contains?|provides?(?! for)|includes?|gives?|answers?|address(?:es)?|covers?)"
_WAYS = (
    r"I (?:don'?t|do not) (?:know|see|find)\b",
    r"I (?:don'?t|do not) have (?:(?:enough|sufficient|the|that|this|any) )*information\b",
    r"I(?: am|'m) (?:unable|not able) to (?:find|answer|determine|tell|say)\b",
    r"I (?:can'?t|cannot|can not|could not|couldn'?t) (?:find|answer|determine|tell|say)\b",
    rf"(?:it|this|that|(?:the|this|that) (?:answer|information))?{_IS_NOT} (?:stated|specified|mentioned)\b",
    rf"(?:the|this|that) (?:answer|information){_IS_NOT} (?:given|provided|available|contained|included|found|known)\b",
    r"(?:(?:it|this|that|the answer) )?(?:cannot|can'?t|can not) be (?:determined|answered)\b",
    rf"{_THE_SOURCE} {_DOES_NOT} {_HOLDS}\b",
    rf"(?:the|this) {_GIVEN}(?:documents?|texts?) {_DOES_NOT} {_SAYS}\b",
    rf"(?:none|neither) of {_THE_SOURCE} (?:\w+ly )?{_HOLDS}\b",
    rf"(?:no|neither) {_SOURCE} (?:\w+ly )?{_HOLDS}\b",
    r"there(?: is|'s) no (?:information|mention|answer)\b",
    rf"no (?:information|mention|answer) (?:is |was )?(?:given|provided|available|found|in {_THE_SOURCE})\b",
    r"(?:unknown|unspecified|not known|not found)\W*$",
)
_BEFORE = (
    rf"(?:(?:i'm |i am )?sorry[,.]? |unfortunately,? |but |answer: |(?:based on|according to|from) {_THE_SOURCE},? )*"
)
# A refusal opens the reply: "not mentioned" in the middle of an answer is part of the answer.
_REFUSED = re.compile(rf"\W*{_BEFORE}(?:{'|'.join(_WAYS)})", re.IGNORECASE)
# "I don't know whether ..., but 30 days", "not stated in the annex: 30 days": an answer after all, unless what follows
# speaks of the passages or refuses once more.
_TURN = re.compile(r"(?:[^.!?\n]|\.(?=\d))*?\b(?:but|however),? ", re.IGNORECASE)
_COLON = re.compile(r"[^.!?\n:]*: ")
_STILL = re.compile(
    r"(?:(?:the|these|those|other) )*(?:passages?|contexts?|excerpts?|sources?|documents?|texts?)\b"
    r"|(?:they|there|this|that|I|we|you|no|none|not|only|neither|unknown)\b|it (?:does|mentions?|says|states|refers)\b",
    re.IGNORECASE,
)


def _refuses(text: str) -> bool:
    """Whether a text opens with a refusal and gives no answer in the same sentence."""
    opening = _REFUSED.match(text)
    if opening is None:
        return False
    turn = _TURN.match(text, opening.end())
    if turn is None and opening[0].lower().startswith("not "):
        turn = _COLON.match(text, opening.end())
    return turn is None or _STILL.match(text, turn.end()) is not None


def parse_answer(reply: str) -> Answer:
    """Take a reply apart into answer, citations and refusal; line breaks stay, they part a term sheet's fields."""
    cited = [int(n) for group in _CITATION.findall(reply) for n in re.findall(r"\d+", group)]
    citations = tuple(dict.fromkeys(cited))
    text = re.sub(r"[ \t]+", " ", _CITATION.sub("", reply)).strip()
    refused = not text or _refuses(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    return Answer(text=text, citations=citations, refused=refused)


def parse_lines(reply: str) -> list[str]:
    """The lines of a reply, without bullets and numbers, each once."""
    lines = [re.sub(r"^\s*(?:[-*\u2022]|\d+[.)])\s+", "", line).strip() for line in reply.splitlines()]
    return list(dict.fromkeys(line for line in lines if line))


def parse_triples(reply: str) -> list[tuple[str, str, str]]:
    """The triples of a reply; lines that are none are left out."""
    rows = [tuple(part.strip() for part in line.split("|")) for line in parse_lines(reply)]
    return [(row[0], row[1], row[2]) for row in rows if len(row) == 3 and all(row)]


def parse_judgement(reply: str) -> bool | None:
    """True for yes, False for no, None where the reply is neither."""
    word = re.match(r"\W*(yes|no)\b", reply, re.IGNORECASE)
    return None if word is None else word[1].lower() == "yes"


def parse_preference(reply: str) -> str | None:
    """Either "A" or "B", None where the reply is neither."""
    letter = re.match(r"\W*(?:[Aa]nswer\s+)?([AB])\b", reply)
    return None if letter is None else letter[1]


def parse_classification(reply: str) -> tuple[str, str | None]:
    """(category, rating); the rating is None where the reply has none of low, medium, high."""
    rating = re.search(r",?\s*\b(low|medium|high)\b(?: risk)?\W*$", reply.strip(), re.IGNORECASE)
    if rating is None:
        return reply.strip(), None
    return reply.strip()[: rating.start()].strip(), rating[1].lower()


def parse_fields(reply: str) -> dict[str, str]:
    """The fields of a term sheet and their values, in the order of the reply."""
    rows = [line.partition(":") for line in parse_lines(reply)]
    return {name.strip(): value.strip() for name, sep, value in rows if sep and name.strip()}
