"""Questions that take more than one document: compare, multihop, list."""

from __future__ import annotations

from synthesis.archive import values, world
from synthesis.archive.contracts import Contract
from synthesis.archive.questions import Asker, aliases, evidence, paragraph, sentence, span, stratum, unique
from synthesis.archive.references import phrase
from synthesis.archive.values import Value
from synthesis.archive.world import Company

TIME = {"days", "days_months", "duration_long", "hours", "business_days", "weeks_days"}
# What a person asks for across all contracts of a company.
LISTED = ("initial_term", "renewal_term", "renewal_notice", "governing_law", "jurisdiction", "payment_term",
          "late_interest", "liability_cap", "insurance_cover", "warranty_period", "audit_notice", "record_retention",
          "non_compete", "non_solicitation", "change_of_control", "convenience_termination", "cure_period",
          "minimum_commitment", "price_increase_cap", "royalty", "confidentiality_period", "breach_notification",
          "service_level", "service_credit", "delivery_time", "acceptance_period", "liquidated_damages",
          "force_majeure", "transition_help", "response_time", "data_location", "deposit")  # fmt: skip
SINGLE = 16  # one list question in so many may have a single member
MOST = 6  # members of a set worth asking for


# ---- compare


def _pair(asker: Asker, form: str) -> tuple[Contract, Contract, str] | None:
    """Two contracts with a party or their kind in common, and a category that the form can compare."""
    rng = asker.rng
    if asker.seen:
        facts = [fact for fact in asker.trained["compare"] if fact.endswith(f":{form}")]
        ids, category, _ = rng.choice(facts).split(":")
        found = {c.id: c for c in asker.pool}
        left, right = ids.split("|")
        return found[left], found[right], category
    one = asker.contract()
    near = [c for c in asker.pool if c.id != one.id and (c.deal.kind == one.deal.kind or _parties(c) & _parties(one))]
    if not near:
        asker.load[one.id] += 1
        return None
    two = rng.choice(near)
    shared = [c.category for c in one.clauses if two.clause(c.category)
              and _comparable(asker, one, two, c.category, form)]  # fmt: skip
    return (one, two, rng.choice(shared)) if shared else None


def _parties(contract: Contract) -> set[str]:
    return {contract.deal.a.id, contract.deal.b.id}


def _comparable(asker: Asker, one: Contract, two: Contract, category: str, form: str) -> bool:
    left, right = (asker.corpus.forces[c.id][category][1].value for c in (one, two))
    kind = left.kind
    if kind in ("party", "person", "company"):
        return False
    if form == "same":
        return comparable_units(left, right, exact=True)
    if kind not in values.NUMERIC or (left.amount == right.amount and left.unit == right.unit):
        return False
    if form == "difference":
        return values.difference(left, right) is not None
    return (form == "longer") == (kind in TIME) and comparable_units(left, right, exact=False)


def ask_compare(asker: Asker, number: int) -> None:
    """The same category in two contracts."""
    form = ("longer", "higher", "same", "difference")[number % 4]
    pair = _pair(asker, form)
    if pair is None:
        return
    one, two, category = pair
    found = [asker.corpus.forces[c.id][category] for c in (one, two)]
    left, right = (clause.value for _, clause in found)
    if form == "same" and not asker.seen and equal(left, right) != (number % 8 < 4):
        return
    wording, template = asker.form("compare", form)
    first, second = asker.corpus.refer(one, asker.rng), asker.corpus.refer(two, asker.rng)
    if first is None or second is None or first.text == second.text:
        return
    if form == "same":
        answer = "yes" if equal(left, right) else "no"
        spelled = [answer, answer.capitalize()]
    elif form == "difference":
        gap = values.difference(left, right)
        assert gap is not None
        answer, spelled = gap.canonical, gap.aliases
    else:
        winner = first if left.size > right.size else second
        answer = winner.text
        spelled = unique([answer, answer.removeprefix("the "), winner.contract.title])
    slots = {"first": first.text, "second": second.text, "topic": asker.topic(category)}
    documents = unique([one.id, two.id, *(document.id for document, _ in found)])
    asker.keep("compare", phrase(template, slots), answer, f"{one.id}|{two.id}:{category}:{form}", wording, documents,
               aliases=spelled, evidence=[evidence(*item) for item in found], category=category,
               reference=first.kind, ambiguous=first.ambiguous and second.ambiguous,
               stratum=stratum(list(found)))  # fmt: skip


# ---- multihop


def ask_multihop(asker: Asker, number: int) -> None:
    """A question that needs the register and a contract."""
    table = world.load("questions.toml")["multihop"]
    form = list(table)[number % len(table)]
    contract = asker.contract()
    asker.load[contract.id] += 0.01  # type: ignore[assignment]
    side = asker.rng.choice(("A", "B"))
    deal = contract.deal
    named, other = (deal.a, deal.b) if side == "A" else (deal.b, deal.a)
    wording, template = asker.form("multihop", form)
    if form.endswith("_of_party"):
        _of_party(asker, form, wording, template, contract, side, named, other)
    else:
        _via(asker, form, wording, template, contract, named, other)


def _of_party(asker: Asker, form: str, wording: str, template: str, contract: Contract, side: str, named: Company,
              other: Company) -> None:  # fmt: skip
    corpus = asker.corpus
    reference = corpus.refer(contract, asker.rng, nameless=True)
    if reference is None or (form == "parent_of_party" and not other.parent):
        return
    if form == "parent_of_party":
        owner = corpus.by_id[other.parent or ""]
        answer, spelled, key = owner.name, [owner.name, owner.short], "parent"
    elif form == "officer_of_party":
        answer, key = other.officers[0]["name"], "chief"
        spelled = [answer]
    else:
        answer, key = other.seat, "seat"
        spelled = [answer]
    at = contract.text.index(other.name)
    places = [span(contract.id, *paragraph(contract.text, at)), _register(other, key)]
    counts = corpus.matching(contract, [side])
    asker.keep("multihop", phrase(template, {"contract": reference.text, "B": named.short}), answer,
               f"{contract.id}:{form}:{named.id}", wording, [contract.id, f"R-{other.id}"], aliases=spelled,
               evidence=places, reference=reference.kind, ambiguous=reference.ambiguous and counts[0] >= 2,
               stratum=stratum([(contract, None)]))  # fmt: skip


def _register(company: Company, key: str) -> dict[str, object]:
    start, end = company.spans[key]
    return span(f"R-{company.id}", *sentence(company.text, start, end))


def _via(asker: Asker, form: str, wording: str, template: str, contract: Contract, named: Company,
         other: Company) -> None:  # fmt: skip
    corpus = asker.corpus
    group = {other.id}
    slots = {"B": named.short}
    if form == "value_via_parent":
        if not other.parent:
            return
        group = {c.id for c in corpus.companies if c.parent == other.parent}
        slots["parent"], key = corpus.by_id[other.parent].short, "parent"
    elif form == "value_via_former_name":
        if not other.former_names:
            return
        slots["former"], key = other.former_names[0].rsplit(" ", 1)[0], "former"
    else:
        slots["officer"], key = other.officers[0]["name"], "chief"
    between = [c for c in corpus.written if named.id in _parties(c) and _parties(c) & (group - {named.id})]
    free = [c for c in asker.unchanged(contract, "multihop", f"{contract.id}:{form}:{named.id}:{{}}")
            if c.value.kind not in ("party", "person", "company")]  # fmt: skip
    if len(between) != 1 or not free:
        return
    clause = asker.rng.choice(free)
    question = phrase(template, slots | {"topic": asker.topic(clause.category)})
    counts = [sum(c.id in _parties(k) for k in corpus.written) for c in (named, other)]
    asker.keep("multihop", question, clause.value.canonical, f"{contract.id}:{form}:{named.id}:{clause.category}",
               wording, [contract.id, f"R-{other.id}"], aliases=aliases(clause),
               evidence=[_register(other, key), evidence(contract, clause)], category=clause.category,
               ambiguous=min(counts) >= 2, stratum=stratum([(contract, clause)]))  # fmt: skip


# ---- list


def ask_list(asker: Asker, number: int) -> None:
    """Counterparties of a company by a value in force."""
    form, corpus, rng = ("above", "below", "value")[number % 3], asker.corpus, asker.rng
    if asker.seen:
        company_id, category, _, mark = rng.choice([f for f in asker.trained["list"] if f.split(":")[2] == form]).split(
            ":"
        )
        company = corpus.by_id[company_id]
    else:
        deal = asker.contract().deal
        company = rng.choice((deal.a, deal.b))
        category, mark = rng.choice(LISTED), ""
    found = [(c, *corpus.forces[c.id][category]) for c in asker.pool
             if company.id in _parties(c) and category in corpus.forces[c.id]]  # fmt: skip
    if len(found) < 3 or (form != "value" and values.CATEGORIES[category].kind not in values.NUMERIC):
        return
    drawn = [clause.value for _, _, clause in found]
    target = _target(category, drawn, form, mark, asker)
    if target is None or not all(comparable_units(target, v, exact=form == "value") for v in drawn):
        return
    kept = [row for row in found if _selected(row[2].value, target, form)]
    others = {c.id: c for row in kept for c in (row[0].deal.a, row[0].deal.b) if c.id != company.id}
    fewest = 1 if asker.seen or number % SINGLE == 5 else 2
    if not fewest <= len(others) or len(kept) > MOST or (form != "value" and len(kept) == len(found)):
        return
    wording, template = asker.form("list", form)
    level = target.canonical
    slots = {"company": company.short, "topic": asker.topic(category), "threshold": level, "value": level}
    names = sorted(others.values(), key=lambda c: c.name)
    documents = unique([row[0].id for row in kept] + [row[1].id for row in kept])
    asker.keep("list", phrase(template, slots), "; ".join(c.name for c in names),
               f"{company.id}:{category}:{form}:{level}", wording, documents,
               aliases=["; ".join(c.short for c in names)], items=[[c.name, c.short] for c in names],
               evidence=[evidence(document, clause) for _, document, clause in kept], category=category,
               ambiguous=True, stratum=stratum([(row[0], row[2]) for row in kept]))  # fmt: skip


def _target(category: str, drawn: list[Value], form: str, mark: str, asker: Asker) -> Value | None:
    """The value or threshold of a list question; `mark` is that of the fact which training asks, if any."""
    if category in ("governing_law", "jurisdiction", "data_location"):
        levels = drawn
    elif values.CATEGORIES[category].kind == "money" and len({value.unit for value in drawn}) > 1:
        return None
    else:
        levels = _levels(category, drawn)
    if mark:
        return next((v for v in [*drawn, *levels] if v.canonical == mark), None)
    return asker.rng.choice(drawn if form == "value" else levels)


def _levels(category: str, drawn: list[Value]) -> list[Value]:
    """Thresholds a person would pick: values of the category, in a unit of the contracts."""
    kind = values.CATEGORIES[category]
    units = {value.unit for value in drawn}
    found = [values.make(kind.kind, amount, unit, drawn[0].unit if kind.kind == "money" else "USD")
             for amount, unit in kind.choices]  # fmt: skip
    return [value for value in found if value.unit in units]


def _selected(value: Value, target: Value, form: str) -> bool:
    if form == "value":
        return equal(value, target)
    return value.size > target.size + 1e-6 if form == "above" else value.size < target.size - 1e-6


def equal(left: Value, right: Value) -> bool:
    """Whether two values of a category are the same."""
    if left.kind in values.NUMERIC:
        return abs(left.size - right.size) < 1e-6 and (left.kind != "money" or left.unit == right.unit)
    return left.canonical == right.canonical


def comparable_units(left: Value, right: Value, exact: bool) -> bool:
    """Whether two values compare without doubt: one currency; days against months only where far apart."""
    if left.kind not in values.NUMERIC:
        return True
    if left.kind == "money":
        return exact or left.unit == right.unit
    exact_units = ({"month", "year"}, {"day", "week"}, {"hour", "day"})
    if left.unit == right.unit or any({left.unit, right.unit} <= units for units in exact_units):
        return True
    return abs(left.size - right.size) > 0.1 * max(left.size, right.size)
