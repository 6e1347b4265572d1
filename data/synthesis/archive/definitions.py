"""Defined terms: the definitions that a text needs, and capitalised terms that nothing defines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from labkit.values import MONTHS

Row = dict[str, Any]
# Capitalised in any text: names of things that a contract does not define.
PROPER = frozenset(MONTHS) | frozenset(
    """Monday Tuesday Wednesday Thursday
    Friday Saturday Saturdays Sunday Sundays Section Sections Article Articles English European Union God Sirs
    Vienna Convention United Nations PDF PIN OECD Incoterms ICC Director By Title Dear Madam Sir Yours To From
    Party Parties Agreement Contract Deed Letter Amendment Addendum Variation No Part""".split()
)
# The small letters that these styles write their terms in.
SMALL = ("plain", "letter")
QUOTED = re.compile(r"[\"“]((?:the )?[A-Z][^\"”\n]{1,40}?)[.,;]?[\"”]")
RUN = re.compile(r"[A-Z][\w’'-]*(?: (?:of )?[A-Z][\w’'-]*)*")
OPEN = re.compile(r"(?:^|[.?!:;_][\"”)]*\s+|[\"“(]|\)\s+)$")
HEAD = re.compile(r"^(?:\(?[a-z0-9.]+\)? |Section [\d.]+ )")


def _forms(term: str) -> set[str]:
    """A term in the singular and in the plural."""
    forms = {term, f"{term}s", f"{term}es"}
    if term.endswith("y"):
        forms.add(f"{term[:-1]}ies")
    if term.endswith("s"):
        forms |= {term[:-1], term[:-2] if term.endswith("es") else term}
    return forms


def _pattern(row: Row, style: str) -> re.Pattern[str]:
    forms = "|".join(re.escape(form) for form in sorted(_forms(row["term"].removeprefix("the "))))
    return re.compile(rf"\b(?:{row.get('use', forms)})\b", re.IGNORECASE if style in SMALL else 0)


def used(rows: Sequence[Row], text: str, style: str) -> list[Row]:
    """The definitions of the terms that a text uses, and of those that these definitions use, sorted by their terms."""
    found: list[Row] = []
    while True:
        said = "\n".join([text, *(row["text"] for row in found)])
        more = [row for row in rows if row not in found and _pattern(row, style).search(said)]
        if not more:
            return sorted(found, key=lambda row: str(row["term"]))
        found += more


def unused(rows: Sequence[Row], text: str, style: str) -> list[str]:
    """The terms that a text defines with one of these definitions, and never uses."""
    found = []
    for row in rows:
        line = re.search(rf'^"{re.escape(row["term"])}"[ :].*$', text, re.MULTILINE)
        if line and not _pattern(row, style).search(text.replace(line[0], "")):
            found.append(str(row["term"]))
    return found


def undefined(paragraphs: Iterable[str], names: Iterable[str], terms: Iterable[str] = ()) -> list[str]:
    """Capitalised words inside the sentences of a text that are neither names nor defined in it or in `terms`."""
    paragraphs = list(paragraphs)
    known = {term.removeprefix("the ") for text in paragraphs for term in QUOTED.findall(text)} | set(terms)
    whole = "\n".join(paragraphs)
    forms = {form for form in {form for term in known for form in _forms(term)} | set(names) if form in whole}
    mask = re.compile(
        r"(?<!\w)(?:" + "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)) + r")(?!\w)"
    )
    found: list[str] = []
    for text in paragraphs:
        text = HEAD.sub("", text)
        # "Inc." may end a sentence.
        text = mask.sub(lambda match: "x." if match[0].endswith(".") else "x", text) if forms else text
        for run in RUN.finditer(text):
            words = run[0].split()
            if OPEN.search(text[: run.start()]):
                words = words[1:]
            left = [w for w in words if w.removesuffix("'s").removesuffix("’s") not in PROPER and not w.isupper()]
            left = [w for w in left if w != "of"]
            if left:
                found.append(" ".join(left))
    return found
