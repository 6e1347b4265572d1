"""How a question names the document it asks about, so that it fits no other of the context."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from synthesis.reader.worlds import Document

_SLOT = re.compile(r"\{([a-z]+)\}")

_CONTRACT_REFS = [
    ("ab", "the {f} between {a} and {b}"),
    ("ab", "{a}'s {f} with {b}"),
    ("ab", "the {f} of {a} and {b}"),
    ("ab", "the {a} / {b} {f}"),
    ("ab", "the {f} that {a} made with {b}"),
    ("abk", "the {k} {f} between {a} and {b}"),
    ("abk", "the {k} {f} {a} has with {b}"),
    ("abd", "the {f} of {d} between {a} and {b}"),
    ("a", "the {a} {f}"),
    ("b", "the {b} {f}"),
    ("a", "our {f} with {a}"),
    ("b", "our {f} with {b}"),
    ("b", "the {f} with {b}"),
    ("ak", "the {a} {k} {f}"),
    ("bk", "the {b} {k} {f}"),
    ("bk", "the {k} {f} with {b}"),
    ("ak", "our {k} {f} with {a}"),
    ("ak", "the {k} {f} signed by {a}"),
    ("a", "{a}'s {f}"),
    ("kd", "the {k} {f} of {d}"),
    ("d", "the {f} of {d}"),
    ("d", "the {f} dated {d}"),
    ("ky", "the {y} {k} {f}"),
    ("n", "the {n} {f}"),
    ("n", "Project {n}"),
    ("n", "the {f} for {n}"),
    ("nk", "the {n} {k} {f}"),
    ("n", "{n}"),
    ("k", "the {k} {f}"),
    ("k", "our {k} {f}"),
    ("ay", "the {y} {f} with {a}"),
    ("c", "{f} {c}"),
    ("c", "the {f} numbered {c}"),
    ("m", "the {f} about {m}"),
    ("m", "the {f} on {m}"),
    ("m", "our {f} for {m}"),
    ("m", "the {m} {f}"),
    ("m", "the {f} that deals with {m}"),
    ("am", "{a}'s {f} on {m}"),
    ("km", "the {k} {f} for {m}"),
    ("n", "the {f} code-named {n}"),
    ("n", "what we call {n}"),
    ("ab", "{a} and {b}"),
    ("ab", "{b} / {a}"),
    ("ab", "the {f} of {b} and {a}"),
    ("ab", "the {f} where {b} deals with {a}"),
    ("ab", "the {f} in which {a} and {b} are partners"),
    ("abk", "the {k} {f} of {b} and {a}"),
    ("abk", "{a} and {b}'s {k} {f}"),
    ("ad", "{a}'s {f} of {d}"),
    ("bd", "the {f} that {b} signed on {d}"),
    ("by", "{b}'s {y} {f}"),
    ("aky", "{a}'s {y} {k} {f}"),
    ("bky", "the {k} {f} from {y} with {b}"),
    ("ak", "the {k} {f} to which {a} is a party"),
    ("bk", "{b}'s {k} {f}"),
]
_PLAIN_REFS = [
    ("a", "{a}"),
    ("a", "{a}"),
    ("a", "{a}"),
    ("ak", "the {a} {k}"),
    ("ak", "the {k} on {a}"),
    ("ak", "{a}'s {k}"),
    ("k", "the {k}"),
    ("d", "the {k} of {d}"),
    ("kd", "the {k} dated {d}"),
    ("s", "the {k} on {s}"),
    ("n", "{n}"),
    ("n", "project {n}"),
    ("ab", "{a} and {b}"),
    ("as", "{a}'s {k} on {s}"),
]
_NOUNS = ["contract", "contract", "agreement", "agreement", "deal", "arrangement", "contract", "agreement"]
_GENERIC = [
    "the contract",
    "the agreement",
    "this contract",
    "the deal",
    "this agreement",
    "the document",
    "our contract",
]


def _value_of(doc: Document, key: str) -> str:
    return {
        "a": doc.a_full,
        "b": doc.b_full,
        "k": doc.kind,
        "d": doc.date,
        "y": doc.year,
        "n": doc.nickname,
        "s": doc.subject,
        "c": doc.number,
        "m": doc.matter,
    }[key]


def _matches(doc: Document, keys: set[str], other: Document) -> bool:
    """Whether `other` cannot be told from `doc` by `keys`."""
    for key in keys:
        if key in "ab":
            if _value_of(doc, key) not in (other.a_full, other.b_full):
                return False
        elif _value_of(doc, key) != _value_of(other, key):
            return False
    return True


def _party(rng: random.Random, full: str, short: str) -> str:
    return short if rng.random() < 0.75 else full


def _shortened(rng: random.Random, matter: str) -> str:
    """What a contract is about, as somebody remembers it: now and then not all of it."""
    words = matter.split(" ")
    if len(words) < 4 or rng.random() < 0.6:
        return matter
    cut = rng.randint(2, len(words) - 1)
    return " ".join(words[:cut] if rng.random() < 0.5 and words[cut - 1] not in _SMALL else words[-cut:])


_SMALL = frozenset("of for the at in on and a".split())


def reference(rng: random.Random, doc: Document, others: Sequence[Document], used: set[str]) -> str | None:
    """A noun phrase that tells `doc` from `others` by what its title shows; adds its keys to `used`."""
    table = _CONTRACT_REFS if doc.domain == "contract" else _PLAIN_REFS
    for _ in range(16):
        keys, form = rng.choice(table)
        if "m" in doc.shown and rng.random() < 0.25:
            keys, form = rng.choice([row for row in table if "m" in row[0]])
        if not set(keys) <= doc.shown or any(_matches(doc, used | set(keys), o) for o in others):
            continue
        used |= set(keys)
        return form.format(
            a=_party(rng, doc.a_full, doc.a_short),
            b=_party(rng, doc.b_full, doc.b_short),
            k=doc.kind,
            d=doc.date,
            y=doc.year,
            n=doc.nickname,
            s=doc.subject,
            c=doc.number,
            m=_shortened(rng, doc.matter),
            f=rng.choice(_NOUNS),
        )
    return None


_ATTACH = [
    "{q} ({ref})",
    "In {ref}: {q}",
    "{ref}: {q}",
    "For {ref}: {q}",
    "{q} I mean {ref}.",
    "This is about {ref}. {q}",
    "Looking at {ref}, {l}",
    "Under {ref}, {l}",
    "As regards {ref}: {q}",
    "{q} - {ref}",
    "Take {ref}: {q}",
]


def lower_first(text: str) -> str:
    """A question without its capital, to stand after a comma; names and "I" keep theirs."""
    return text if text[:2] in ("I ", "I'") or text[1:2].isupper() else text[:1].lower() + text[1:]


def ask(rng: random.Random, wording: str, doc: Document, others: Sequence[Document], generic: bool) -> str | None:
    """Fill a question's slots so that it means `doc` and none of `others`; None where it cannot.

    Args:
        others: documents that the question must not fit. generic: whether `{ref}` may stay unspecific.
    """
    used: set[str] = set()
    parties: dict[str, str] = {}
    for key in "ab":
        if f"{{{key}}}" in wording:
            if key in doc.shown and rng.random() < 0.7:
                parties[key] = _party(rng, *((doc.a_full, doc.a_short) if key == "a" else (doc.b_full, doc.b_short)))
                used.add(key)
            elif doc.call[0].lower().startswith("the "):
                parties[key] = doc.call[key == "b"].lower()
            elif key in doc.shown or doc.call[0] in (doc.a_full, doc.a_short):
                # A name outside the title still stands in the clauses, but tells nothing apart.
                parties[key] = doc.call[key == "b"]
            else:
                return None
    ref = ""
    if "{ref}" in wording:
        loose = [o for o in others if _matches(doc, used, o)]
        if not loose and generic and rng.random() < 0.35:
            ref = rng.choice(_GENERIC) if doc.domain == "contract" else f"the {doc.kind}"
        else:
            found = reference(rng, doc, loose, used)
            if found is None:
                return None
            ref = found
    question = _SLOT.sub(lambda m: ref if m[1] == "ref" else parties[m[1]], wording)
    question = question[:1].upper() + question[1:] if wording[:1] in "{ABCDEFGHIJKLMNOPQRSTUVWXYZ" else question
    if any(_matches(doc, used, o) for o in others):
        found = reference(rng, doc, others, used)
        if found is None:
            return None
        question = rng.choice(_ATTACH).format(q=question, l=lower_first(question), ref=found)
        question = question[:1].upper() + question[1:]
    return question
