"""The values of one contract, drawn so that they agree with one another, with its parties and with its date."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from synthesis.archive import values, world
from synthesis.archive.values import Value
from synthesis.archive.world import Company, Deal

# (smaller, larger, factor): the first may be at most `factor` times the second.
ORDER: tuple[tuple[str, str, float], ...] = (
    ("renewal_term", "initial_term", 1.0),
    ("renewal_notice", "renewal_term", 0.5),
    ("renewal_notice", "initial_term", 0.5),
    ("convenience_termination", "initial_term", 0.5),
    ("change_of_control", "convenience_termination", 1.0),
    ("cure_period", "convenience_termination", 1.0),
    ("transition_help", "initial_term", 1.0),
    ("force_majeure", "initial_term", 0.5),
    ("warranty_period", "initial_term", 1.0),
    ("delivery_time", "initial_term", 0.2),
    ("acceptance_period", "warranty_period", 0.5),
    ("payment_term", "initial_term", 0.2),
    ("liability_cap", "insurance_cover", 1.0),
    ("insurance_cover", "liability_cap", 15.0),
    ("minimum_commitment", "liability_cap", 1.0),
    ("deposit", "minimum_commitment", 0.5),
    ("deposit", "liability_cap", 0.5),
    ("response_time", "breach_notification", 4.0),
)
# As in ORDER, of figures that only look odd together: the first is drawn anew in a stream of its own.
SCALE: tuple[tuple[str, str, float], ...] = (
    ("insurance_cover", "liability_cap", 10.0),
    ("liability_cap", "minimum_commitment", 20.0),
)
# A clause that makes no sense without the other.
NEEDS = {"renewal_notice": "renewal_term", "service_credit": "service_level"}
CURRENCIES = {"England": "GBP", "Scotland": "GBP", "Switzerland": "CHF", "United States": "USD"}
RELATED = 0.85  # share of contracts under the law of a party's country; the others choose a law that suits both
NEUTRAL = ("English", "Irish", "Swiss", "Swedish", "Austrian", "Belgian", "New York")


def contradictions(sizes: Mapping[str, float], order: tuple[tuple[str, str, float], ...] = (*ORDER, *SCALE)
                   ) -> list[tuple[str, str]]:  # fmt: skip
    """Pairs of categories whose values contradict each other; `sizes` as in `values.Value.size`, by category."""
    return [(small, large) for small, large, factor in order
            if small in sizes and large in sizes and sizes[small] > factor * sizes[large] + 1e-6]  # fmt: skip


def draw_law(a: Company, b: Company, rng: random.Random) -> dict[str, Any]:
    """The law of a contract, mostly that of the country of one party; that of both where they share it."""
    laws = world.load("names.toml")["laws"]
    home, related = rng.choice((a.country, b.country)), rng.random() < RELATED
    if related:
        return rng.choice([law for law in laws if law["country"] == home])
    neutral = rng.choice([law for law in laws if law["adjective"] in NEUTRAL and law["country"] != home])
    if a.country == b.country:
        return world.stream("law", a.id, b.id).choice([law for law in laws if law["country"] == home])
    return neutral


def draw_currency(a: Company, b: Company, law: Mapping[str, Any], rng: random.Random) -> str:
    """The currency of a contract: one of the parties' countries, or that of a neutral law."""
    countries = [law["country"], law["country"], a.country, b.country]
    return CURRENCIES.get(rng.choice(countries), "EUR")


def draw(categories: list[str], deal: Deal, law: dict[str, Any], currency: str, party: Callable[[str], Value | None],
         people: list[str], rng: random.Random) -> dict[str, Value]:  # fmt: skip
    """Draw the values of a contract.

    Args:
        categories: what the contract regulates.
        deal: parties and kind.
        law: the row of `names.toml` that governs it.
        currency: of every amount.
        party: the value of a category whose answer is a party, None for the others.
        people: contract managers to choose from.
        rng: the contract's stream.

    Raises:
        ValueError: the ranges of two categories cannot be reconciled.
    """
    numeric = [c for c in categories if values.CATEGORIES[c].kind in values.NUMERIC]
    found = {c: party(c) or _name(c, deal, law, people, rng) for c in categories if c not in numeric}
    found |= {c: number(c, currency, rng) for c in numeric}
    for _ in range(2000):
        pairs = contradictions({c: found[c].size for c in numeric}, ORDER)
        if not pairs:
            return _to_scale({c: found[c] for c in categories}, currency, world.stream("scale", deal.id))
        for category in rng.choice(pairs):
            found[category] = number(category, currency, rng)
    raise ValueError(f"No values of {deal.id} agree: widen the ranges of {pairs[0][0]} and {pairs[0][1]}.")


def _to_scale(found: dict[str, Value], currency: str, rng: random.Random) -> dict[str, Value]:
    """Values that keep SCALE as well: an insurance or a minimum drawn anew, the others as they are.

    Raises:
        ValueError: nothing in the range of a category keeps it.
    """
    for large, small, factor in SCALE:
        category = "insurance_cover" if large == "insurance_cover" else "minimum_commitment"
        sizes = {name: value.size for name, value in found.items() if name in {c for row in ORDER for c in row[:2]}}
        if {large, small} <= sizes.keys() and sizes[large] > factor * sizes[small]:
            drawn = (number(category, currency, rng) for _ in range(500))
            fits = ((large, small, factor), *ORDER)
            found[category] = next((v for v in drawn if not contradictions(sizes | {category: v.size}, fits)),
                                   found[category])  # fmt: skip
            if contradictions(sizes | {category: found[category].size}, fits):
                raise ValueError(f"No {category} agrees with the other values: widen its range.")
    return found


def number(category: str, currency: str, rng: random.Random) -> Value:
    """Draw a numeric value of a category."""
    kind = values.CATEGORIES[category]
    amount, unit = rng.choice(kind.choices)
    return values.explain(category, values.make(kind.kind, amount, unit, currency))


def change(category: str, old: Value, now: Mapping[str, Value], elapsed: float, currency: str,
           rng: random.Random, between: tuple[float, float] = (0.0, float("inf"))) -> Value | None:  # fmt: skip
    """A new value for an amendment, at most four times as large or small and in harmony with the values in force.

    Args:
        category: what is changed.
        old: its value so far.
        now: the numeric values in force.
        elapsed: days since the date of the contract; the initial term is not cut below them.
        currency: of the contract.
        rng: the amendment's stream.
        between: sizes of the figures beside the value, which it stays above and below.

    Returns:
        None where no value fits.
    """
    sizes = {name: value.size for name, value in now.items()}
    for _ in range(200):
        new = number(category, currency, rng)
        fits = not set(new.aliases) & set(old.aliases) and old.size / 4 <= new.size <= old.size * 4
        if (
            fits
            and between[0] < new.size < between[1]
            and not contradictions(sizes | {category: new.size})
            and (category != "initial_term" or new.size > 1.2 * elapsed)
        ):
            return new
    return None


def law_value(law: Mapping[str, Any], rng: random.Random) -> Value:
    """A governing law with its spellings."""
    adjective, laws = f"{law['adjective']} law", f"the laws of {law['name']}"
    surface = rng.choice((adjective, laws, f"the law of {law['name']}"))
    known = [adjective, laws, f"the law of {law['name']}", f"laws of {law['name']}", law["name"],
             law["name"].removeprefix("the "), f"law of {law['name']}", law["adjective"]]  # fmt: skip
    return values.name_value("law", adjective, known, surface)


def _name(category: str, deal: Deal, law: Mapping[str, Any], people: list[str], rng: random.Random) -> Value:
    kind, names = values.CATEGORIES[category].kind, world.load("names.toml")
    if kind == "law":
        return law_value(law, rng)
    if kind == "place":
        return values.name_value("place", rng.choice(law["cities"]))
    if kind == "place_region":
        continent = "america" if deal.b.country == "United States" else "europe"
        table, key = ("data", continent) if category == "data_location" else ("territories", deal.b.country)
        region = rng.choice(names["regions"][table][key])
        return values.name_value("place_region", region, [region.removeprefix("the ")])
    if kind == "person":
        person = rng.choice(people)
        return values.name_value("person", person, [])
    shorts = names["companies"]["escrow"] if category == "source_code_escrow" else free_shorts()
    short = rng.choice(shorts)
    return values.name_value("company", f"{short} {rng.choice(('Ltd', 'GmbH', 'B.V.', 'AB'))}", [short])


def free_shorts() -> list[str]:
    """Company names that no registered company bears: affiliates named as beneficiaries."""
    used = {company.short for company in world.companies()}
    return [name for name in world.load("names.toml")["companies"]["names"] if name not in used]
