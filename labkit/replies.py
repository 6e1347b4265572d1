"""Replies, taken apart: answers with citations and refusals, lines, triples, verdicts, fields.

The prompts that ask for them are in `labkit.prompts`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


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
