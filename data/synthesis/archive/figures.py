"""The figures that a wording puts beside its value, read back from a finished text."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

from synthesis.archive import clauses, values

Slot = tuple[str, str | None, str | None]


def beside(template: str, text: str, held: Collection[str]) -> list[tuple[Slot, str]] | None:
    """Each figure beside the value of a clause's text, with its slot; None where the text does not follow the wording.

    `held` are the categories that the contract has a clause of.
    """
    template = clauses.OPTIONAL.sub(lambda m: m[2] if m[1] in held else "", template)
    pattern, slots = _pattern(" ".join(template.split()))
    match = pattern.search(" ".join(text.split()))
    return list(zip(slots, match.groups(), strict=True)) if match else None


def size(kind: str, surface: str) -> float | None:
    """The size of a figure of a kind, None where that kind has no such figure."""
    return _sizes(kind).get(surface.lower())


def between(said: list[tuple[Slot, str]], value: float) -> tuple[float, float]:
    """Of the figures whose range speaks of the value: the largest below its size and the smallest above it."""
    sizes = [size(slot[0], surface) or 0.0 for slot, surface in said if "value" in f"{slot[1]}{slot[2]}"]
    return (max((size for size in sizes if size < value), default=0.0),
            min((size for size in sizes if size > value), default=float("inf")))  # fmt: skip


@cache
def _pattern(template: str) -> tuple[re.Pattern[str], list[Slot]]:
    """A pattern for the texts of a wording, with a group for each figure beside the value; and their ranges."""
    text, place, slots = "", 0, []
    for slot in clauses.SLOT.finditer(template):
        text += _literal(template[place : slot.start()])
        place = slot.end()
        if slot[1] == "other":
            slots.append((slot[2], slot[3], slot[4]))
            text += f"({'|'.join(re.escape(surface) for surface in sorted(_sizes(slot[2]), key=len, reverse=True))})"
        else:
            text += ".+?" + ("(?:'s|')" if slot[5] else "")
    return re.compile(text + _literal(template[place:]) + "$", re.IGNORECASE), slots


def _literal(text: str) -> str:
    """Literal text of a wording: an article before a slot may change, a full stop after "Inc." may be missing."""
    dot = text.startswith(".")
    article = re.search(r"(?:^|(?<=\s))an? $", text, re.IGNORECASE)
    middle = re.escape(text[1 if dot else 0 : article.start() if article else None])
    return (r"\.?" if dot else "") + middle + (r"(?:an?\ )?" if article else "")


@cache
def _sizes(kind: str) -> dict[str, float]:
    """The size of every figure of a kind, by its spelling in small letters."""
    made = [values.make(kind.removeprefix("small_"), *choice, currency)
            for choice in values.DECOYS[kind] for currency in values.CURRENCIES]  # fmt: skip
    return {surface.lower(): value.size for value in made for surface in value.surfaces.values()}
