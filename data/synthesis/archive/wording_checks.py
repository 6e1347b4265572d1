"""Checks of the hand-written wordings: placeholders, styles, lengths, and a wording for every kind of contract."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from synthesis.archive import clauses, contracts, definitions, playbook, terms, values, world

Row = dict[str, Any]
STYLES = ("classic", "us", "plain", "civil", "schedule", "letter")


def check_wordings() -> list[str]:
    """Sentences about flaws of the hand-written files, each naming its file and id; empty when they are sound."""
    return [*_check_clauses(), *_check_frames(), *_check_questions(), *playbook.check()]


def _check_clauses() -> list[str]:
    found: list[str] = []
    ids: set[str] = set()
    skeletons: dict[str, str] = {}
    written = clauses.entries()
    for category, kind in values.CATEGORIES.items():
        if category not in written:
            found.append(f"clauses: the category {category} has no wordings: write at least ten.")
            continue
        known = {row["style"] for row in written[category] if row.get("split") != "test"}
        found += [f"clauses: {category} has no {style} wording that training may use: write one."
                  for style in STYLES[:-1] if style not in known]  # fmt: skip
        if not any(row["style"] == "letter" for row in written[category]):
            found.append(f"clauses: {category} has no letter wording: write one.")
        found += _check_kinds(category, written[category])
        for row in written[category]:
            name, text = row.get("id", "?"), row["text"]
            if name in ids:
                found.append(f"clauses: the id {name} is used twice: rename one.")
            ids.add(name)
            skeleton = re.sub(r"\{[^}]*\}|\W+", " ", text).lower()
            if skeleton in skeletons:
                found.append(f"clauses: {name} says the same as {skeletons[skeleton]}: word it differently.")
            skeletons[skeleton] = name
            found += _check_clause(name, row, kind.kind)
    return found


def _check_kinds(category: str, rows: list[Row]) -> list[str]:
    """Kinds of contract for which a style has no wording that its contracts may use."""
    found = []
    for kind, frame in world.load("frames.toml")["kinds"].items():
        for style in STYLES if category in frame["categories"] else ():
            if not any(row["style"] == style and kind in row.get("kinds", [kind])
                       and (style == "letter" or row.get("split") != "test") for row in rows):  # fmt: skip
                found.append(f"clauses: {category} has no {style} wording for a {frame['name']}: write one.")
    return found


def _check_clause(name: str, row: Row, kind: str) -> list[str]:
    text, found = row["text"], []
    if row["style"] not in STYLES:
        found.append(f"clauses: {name} has the unknown style {row['style']}: use one of {', '.join(STYLES)}.")
    if row["style"] == "letter" and row.get("split") != "test":
        found.append(f'clauses: {name} is a letter wording: mark it split = "test".')
    answers = 0 if kind == "party" or "row" in row else 1
    if text.count("{value}") != answers:
        found.append(f"clauses: {name} has {{value}} {text.count('{value}')} times: it must stand {answers} times.")
    owner = row.get("owner")
    if kind == "party" and (owner not in ("A", "B") or ("row" not in row and f"{{{owner}}}" not in text)):
        found.append(f"clauses: {name} must name its owner, A or B, and have that party in its text.")
    for slot, detail, low, high, _ in clauses.SLOT.findall(text):
        good = (slot in ("value", "A", "B", "agreement") or (slot == "ref" and detail in values.CATEGORIES)
                or (slot == "other" and detail in values.DECOYS))  # fmt: skip
        if not good:
            found.append(f"clauses: {name} has the unknown placeholder {{{slot}:{detail}}}: correct it.")
        elif low and kind not in values.NUMERIC and "value" in low + high:
            found.append(f"clauses: {name} has a range around its value, which is no number: write numbers.")
    found += [f"clauses: {name} refers to a clause on {other} that may be absent: put it into {{?{other}}} ... {{/}}."
              for other in _loose(name.split(".")[0], text)]  # fmt: skip
    if row["style"] in STYLES:
        flat = clauses.SLOT.sub("x", clauses.OPTIONAL.sub(r"\2", " ".join(text.split())))
        found += [f"clauses: {name} uses {term!r}, which nothing defines: define it there, or write it small."
                  for term in definitions.undefined([flat], (), _terms(row["style"]))]  # fmt: skip
    if not 15 <= len(text.split()) <= 120:
        found.append(f"clauses: {name} has {len(text.split())} words: keep it between 15 and 120.")
    return found


def _loose(category: str, text: str) -> Iterable[str]:
    """The categories that a text refers to although its contract may have no such clause."""
    sure = {*contracts.CORE, category, terms.NEEDS.get(category)}
    pieces = [("", clauses.OPTIONAL.sub("", text)), *((m[1], m[2]) for m in clauses.OPTIONAL.finditer(text))]
    for held, piece in pieces:
        yield from (other for other in re.findall(r"\{ref:(\w+)\}", piece) if other not in sure | {held})


@cache
def _terms(style: str) -> frozenset[str]:
    """The terms that every contract of a style may use: those of its definitions, openings and clause on the term."""
    frame = world.load("frames.toml")["style"][style]
    opened = [set(definitions.QUOTED.findall(row["text"])) for row in frame["preamble"]]
    begun = [set(definitions.QUOTED.findall(row["text"]))
             for row in clauses.entries()["initial_term"] if row["style"] == style]  # fmt: skip
    return frozenset(
        {row["term"] for row in frame["definition"]} | set.intersection(*opened) | set.intersection(*begun)
    )


def _check_frames() -> list[str]:
    found, styles = [], world.load("frames.toml")["style"]
    for style in STYLES:
        for row in styles[style]["boilerplate"] if style in styles else ():
            found += [f"frames.toml: {row['id']} refers to a clause on {other} that may be absent: say it without."
                      for other in _loose("", row["text"])]  # fmt: skip
        if style not in styles:
            found.append(f"frames.toml has no style {style}: add it.")
            continue
        for text in styles[style]["amendment"]["replacements"]:
            if text.count("{value}") != 1:
                found.append(f"frames.toml: a replacement of {style} must have {{value}} once: {text[:60]}")
    for kind in world.load("names.toml")["kinds"]:
        if kind not in world.load("frames.toml")["kinds"]:
            found.append(f"frames.toml has no kind {kind}: add its title, roles and categories.")
    return found


def _check_questions() -> list[str]:
    table = world.load("questions.toml")
    found: list[str] = []
    seen: dict[str, str] = {}
    for category in values.CATEGORIES:
        rows = table["lookup"].get(category, {}).get("wordings", [])
        if len(rows) != 12 or len(table["topic"].get(category, {}).get("phrases", [])) != 4:
            found.append(f"questions.toml: {category} needs 12 lookup wordings and 4 topic phrases.")
        for text in rows:
            if "{contract}" not in text and not ("{A}" in text and "{B}" in text):
                found.append(f"questions.toml: lookup.{category} names no contract: {text}")
    for path, text in _wordings(table):
        masked = re.sub(r"\{\w+\}|\W+", " ", text).lower().strip()
        if masked in seen:
            found.append(f"questions.toml: {path} repeats {seen[masked]}: {text}")
        seen[masked] = path
    return found


def _wordings(table: Row) -> Iterable[tuple[str, str]]:
    for task in table:
        if task in ("reference", "topic", "followup"):
            continue
        for form, rows in table[task].items():
            yield from ((f"{task}.{form}.{number:02d}", text) for number, text in enumerate(rows["wordings"], 1))
