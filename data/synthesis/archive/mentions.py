"""What the text of a contract mentions: it has to be there, defined and possible."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from synthesis.archive import definitions, formats, values, world

Row = dict[str, Any]
# The word before the number of a clause, and the numbers.
CITED = re.compile(
    r"\b(?:[Cc]lause|[Ss]ection|Article|[Pp]aragraph)s? (\(?[\da-z]{1,2}(?:\.\d+)?\)?(?:(?:, | and | or | to )"
    r"(?:(?:clause|Section|section|Article|paragraph) )?\(?(?:\d+(?:\.\d+)?|(?<=\()[a-z]{1,2})\)?)*)(?![a-z])"
)
NUMBER = re.compile(r"\d+(?:\.\d+)?|(?<=\()[a-z]{1,2}(?=\))")
# (what a text may mention, the category whose clause has to be there, None where no contract has it)
NEEDED = (
    (
        re.compile(
            r"\b(?:annex(?:es)?|exhibits?|appendi\w+|attachments?|enclosures?|schedules? (?:\d|hereto|attached))\b",
            re.I,
        ),
        None,
    ),
    (re.compile(r"\baudit(?!or|ed)\w*", re.I), "audit_notice"),
    (re.compile(r"\b(?:the|its|this|last|of) warrant(?:y|ies)\b", re.I), "warranty_period"),
    (re.compile(r"\b(?:the|its|this|of) indemnit(?:y|ies)\b", re.I), None),
)
HOURS = re.compile(r"\b([\w-]+)(?: \((\d+)\))? hours? (?:a|per|each|every|in a|of the) day\b", re.I)
LONG = {spelled for hours in range(25, 200) for spelled in (str(hours), values.words(hours))}


def faults(row: Row, text: str, original: tuple[Row, str], names: Iterable[str]) -> list[str]:
    """Sentences about what a document mentions and nothing provides.

    Args:
        row: its line of `contracts.jsonl`.
        text: its text.
        original: line and text of the contract that it amends; its own where it is a contract.
        names: of companies and places.
    """
    numbers = _numbers(original[1])
    found = [f"{row['id']} refers to {number}, which {original[0]['id']} does not have."
             for number in _cited(text) if number not in numbers]  # fmt: skip
    held = {clause["category"] for clause in original[0]["clauses"]}
    found += [f"{row['id']} mentions {match[0]!r}, for which it has no clause."
              for pattern, category in NEEDED if category not in held for match in pattern.finditer(text)]  # fmt: skip
    found += [f"{row['id']} has a day of {hours} hours." for hours in _long_days(text)]
    frame = world.load("frames.toml")["style"][row["style"]]
    found += [f"{row['id']} defines {term} and does not use it."
              for term in definitions.unused(frame["definition"], text, row["style"])]  # fmt: skip
    terms = _terms(original[1]) if row["amends"] else ()
    kind = world.load("frames.toml")["kinds"][original[0]["kind"]]["title"]
    title = re.findall(r"\w+", formats.blocks(original[1])[0].text.title())
    known = {*names, *_names(row), *_names(original[0]), kind, kind.capitalize(), *title}
    said = [block.text for block in formats.blocks(text) if block.kind == "text"]
    undefined = definitions.undefined(said, known, terms)
    return found + [f"{row['id']} uses {term!r}, which nothing defines." for term in undefined]


def _cited(text: str) -> Iterator[str]:
    for match in CITED.finditer(text):
        yield from NUMBER.findall(match[1])


def _numbers(text: str) -> Collection[str]:
    """The numbers of the headings and clauses of a contract."""
    return {number for pattern in (r"^(?:Article |ARTICLE |Section )?(\d+(?:\.\d+)?)\b", r"^\(([a-z]{1,2})\) ")
            for number in re.findall(pattern, text, re.MULTILINE)}  # fmt: skip


def _long_days(text: str) -> list[str]:
    said = [match[2] or match[1].lower() for match in HOURS.finditer(text)]
    return [hours for hours in said if hours in LONG]


def _terms(text: str) -> set[str]:
    return {term.removeprefix("the ") for term in definitions.QUOTED.findall(text)}


def _names(row: Row) -> Iterator[str]:
    for party in row["parties"]:
        yield from (party["name"], party["short"], party["term"].removeprefix("the "))
    yield row["subject"]
    if row["nickname"]:
        yield row["nickname"].removeprefix("the ")
    for clause in row["clauses"]:
        yield from (clause["heading"], clause["surface"], *clause["aliases"])
