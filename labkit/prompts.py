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

ANSWER = (
    "Answer the question from the numbered passages only, in as few words as possible, "
    "and cite the passage like [1]. "
    f"If the passages do not contain the answer, reply: {REFUSAL}"
)


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


def numbered(passages: Sequence[Passage]) -> str:
    """Passages as the text of a prompt: `[1] title`, the passage, a blank line, and so on."""
    return "\n\n".join(f"[{i}] {p.title}\n{p.text}" for i, p in enumerate(passages, start=1))


def answer_messages(question: str, passages: Sequence[Passage]) -> list[Message]:
    """Messages that ask for an answer from `passages`, with the passage cited.

    Raises:
        ValueError: the question is empty.
    """
    if not question.strip():
        raise ValueError("The question is empty: write one.")
    context = numbered(passages) if passages else "(no passages)"
    return [
        {"role": "system", "content": ANSWER},
        {"role": "user", "content": f"{context}\n\nQuestion: {question.strip()}"},
    ]


_CITATION = re.compile(r"[ \t]*\[(\d+(?:\s*[,;]\s*\d+)*)\]")
# A refusal opens the reply: "not mentioned" in the middle of an answer is part of the answer.
_REFUSED = re.compile(
    r"^(?:sorry,? )?(?:but )?(?:I (?:don'?t|do not) know|(?:it is|this is|that is)? ?not (?:stated|specified|mentioned)"
    r"|the passages? (?:do|does) not (?:say|state|contain|mention|specify))\b",
    re.IGNORECASE,
)


def parse_answer(reply: str) -> Answer:
    """Take a reply apart into answer, citations and refusal; line breaks stay, they part a term sheet's fields."""
    cited = [int(n) for group in _CITATION.findall(reply) for n in re.findall(r"\d+", group)]
    citations = tuple(dict.fromkeys(cited))
    text = re.sub(r"[ \t]+", " ", _CITATION.sub("", reply)).strip()
    refused = not text or _REFUSED.search(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")) is not None
    return Answer(text=text, citations=citations, refused=refused)
