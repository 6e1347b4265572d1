"""Triples out of passages, and which entities their texts mean: extraction and entity linking."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from llama_index.core.schema import TextNode

from labkit.corpus import COMPANY_RELATIONS, PARTY_RELATIONS, Document, Span, clause_relations, gold_facts
from labkit.models import Generator
from labkit.prompts import NEW_TOKENS, Message, triples_messages
from labkit.rag.chunking import ClauseParser, chunk, passage_of, place, span_of, text_of, title_of
from labkit.rag.grammar import TripleGrammar
from labkit.replies import parse_triples

# How the title of a register extract begins; the name of the company follows.
REGISTER = "Register extract: "
# What a triple calls the document that it stands in, or the company that a register extract is about.
SELF = "document"
SELF_WORDS = {"document", "agreement", "contract", "amendment", "this agreement", "this contract", "the agreement",
         "the contract", "this document", "the document", "this amendment", "the amendment"}  # fmt: skip
# Legal forms, with which a company's name ends.
_LEGAL = (
    r"(?:s\.?p\.?a|s\.?a\.?s|s\.?a|s\.?r\.?l|b\.?v|n\.?v|k\.?g|a\.?g|a/s|a\.?b|oy|kft|gmbh|ltd|limited|llc|llp|inc|corp|plc|co|se)"
    r"\.?"
)
_FORM = re.compile(rf"[\s,]+{_LEGAL}$")
_NAMED = re.compile(rf"^.*?\S[\s,]+{_LEGAL}(?=[\s,;:)]|$)", re.IGNORECASE)
# Relations of a person, and those of a company, as the object.
_OF_OTHERS = ("chief executive", "finance director", "seat")
_OF_COMPANIES = ("party", "parent company", "former name")


# ------------------------------------------------------------------------------- extraction


@dataclass(frozen=True)
class ExtractedTriple:
    """A triple as the model wrote it: three texts, and where the object stands."""

    subject: str
    relation: str
    object: str
    source: Span


# Parties are named at the start of a contract, within so many characters.
_OPENING = 1000


def fact_chunks(documents: Sequence[Document]) -> list[TextNode]:
    """Chunks to extract from: clauses, and every line of a schedule of "label: value" lines by itself."""
    parts = []
    for node in chunk(documents, ClauseParser()):
        lines = [m for m in re.finditer(r"[^\n]+", text_of(node)) if re.match(r"[^.:]{2,60}: \S", m[0])]
        if len(lines) < 3:
            parts.append(node)
            continue
        for line in lines:
            start = span_of(node).start + line.start()
            span = Span(span_of(node).document, start, start + len(line[0]))
            parts.append(place(TextNode(text=line[0]), span, title_of(node)))
    return parts


def relations_of(node: TextNode) -> list[tuple[str, ...]]:
    """The relations that the course asks of a chunk, prompt by prompt: of a register extract each one by itself, of
    the start of a contract parties and roles, of all of a contract what clauses state."""
    if title_of(node).startswith(REGISTER):
        return [(relation,) for relation in COMPANY_RELATIONS]
    opening = [(relation,) for relation in PARTY_RELATIONS] if span_of(node).start < _OPENING else []
    return [*opening, clause_relations()]


def triple_prompts(chunks: Sequence[TextNode]) -> list[list[list[Message]]]:
    """For each chunk the prompts that ask for its triples."""
    return [[triples_messages(passage_of(node), group) for group in relations_of(node)] for node in chunks]


def extract(
    generator: Generator, chunks: Sequence[TextNode], constrained: bool = True, progress: bool = False
) -> list[ExtractedTriple]:
    """Ask a generator for the triples of each chunk.

    Only relations that were asked for are kept, and only objects that stand in the chunk word for word.

    Args:
        chunks: such as `fact_chunks` gives.
        progress: show a bar.
        constrained: let the model write nothing but lines of the form asked for; see `TripleGrammar`.

    Raises:
        ValueError: there are no chunks.
    """
    if not chunks:
        raise ValueError("There are no chunks to extract from: cut some documents first.")
    asked = [(node, group) for node in chunks for group in relations_of(node)]
    prompts = [prompt for row in triple_prompts(chunks) for prompt in row]
    grammars = [TripleGrammar(generator, text_of(node), group) for node, group in asked] if constrained else None
    replies = generator.generate(prompts, NEW_TOKENS["triples"], progress=progress, grammars=grammars)
    return [m for (node, group), reply in zip(asked, replies, strict=True) for m in mentions(node, reply, group)]


def mentions(node: TextNode, reply: str, wanted: Sequence[str]) -> Iterator[ExtractedTriple]:
    """The triples of a reply about a chunk that have a relation wanted, each with the place of its object."""
    place, text = span_of(node), text_of(node)
    for subject, relation, written in dict.fromkeys(parse_triples(reply)):
        thing = written.rstrip(" ,;:")
        if relation.lower() in _OF_COMPANIES and (name := _NAMED.match(thing)):
            thing = name[0]  # what follows the legal form is no part of the name
        found = re.search(r"\s+".join(map(re.escape, thing.split())), text, re.IGNORECASE)
        if thing and relation.lower() in wanted and found:
            at = place.start + found.start()
            yield ExtractedTriple(subject, relation.lower(), thing, Span(place.document, at, at + len(found[0])))


def is_company(name: str) -> bool:
    """Whether a name ends with a legal form."""
    return _FORM.search(name.lower().strip()) is not None


def fitting(found: Sequence[ExtractedTriple], documents: Sequence[Document]) -> list[ExtractedTriple]:
    """The mentions whose object is of the kind that the relation takes: a company where one must stand, and no company
    where an officer or a place must.

    A name counts as a company's where it ends with a legal form, or where it is one of such a company without it. Of
    two names for one relation in one document, one of which is the end of the other, the longer is kept.
    """
    named = [m.object for m in found if m.relation in _OF_COMPANIES] + [subject_of(d) for d in documents]
    known = {plain_name(name) for name in named if is_company(name)}
    kept = []
    for mention in found:
        company = is_company(mention.object) or plain_name(mention.object) in known
        if company if mention.relation in _OF_COMPANIES else not (company and mention.relation in _OF_OTHERS):
            kept.append(mention)
    whole = [(m.source.document, m.relation, m.object) for m in kept if m.relation in _OF_COMPANIES]
    return [m for m in kept if not any((m.source.document, m.relation) == (d, r) and o.endswith(f" {m.object}")
                                       for d, r, o in whole)]  # fmt: skip


def title_parties(documents: Sequence[Document], found: Sequence[ExtractedTriple]) -> list[ExtractedTriple]:
    """The companies that a contract's or amendment's title names, as parties, where they stand in its text.

    Args:
        documents: titles are looked through for the companies that `found` and register extracts name.
    """
    names = {subject_of(d) for d in documents if subject_of(d) != d.id}
    names |= {m.object for m in found if m.relation in _OF_COMPANIES and m.relation != "former name"}
    made = []
    for document in documents:
        if subject_of(document) != document.id:
            continue
        for name in sorted(names, key=lambda n: (-len(n), n)):
            at = document.text.find(name)
            if at >= 0 and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", document.title):
                made.append(ExtractedTriple(SELF, "party", name, Span(document.id, at, at + len(name))))
    return made


def gold_triples(documents: Sequence[Document]) -> list[ExtractedTriple]:
    """The triples that a perfect extraction would give, for the course's documents: the ceiling of every extraction."""
    return [ExtractedTriple(SELF, f.relation, f.object, f.span) for f in gold_facts(documents)]


# --------------------------------------------------------------------------------- linking


def plain_name(name: str) -> str:
    """A company's name as it is compared: small letters, no legal form, no article, no punctuation at the end."""
    plain = " ".join(name.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split()).strip(" ,;:\"'")
    while (shorter := _FORM.sub("", plain)) != plain:
        plain = shorter
    return plain.removeprefix("the ").strip(" .,")


class Linker:
    """Which entity does a mention mean? A company for a name, an old name or a role; for "this agreement" its document.

    Args:
        names: for each company its name, by the forms under which it is known (`plain_name`).
        roles: for each document, by role in small letters, the company.
        subjects: what a document is about, where that is not the document itself.
        closeness: how much of a misspelt name must agree, from 0 to 1.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        roles: Mapping[str, Mapping[str, str]],
        subjects: Mapping[str, str] | None = None,
        closeness: float = 0.88,
    ) -> None:
        self.names, self.roles, self.subjects, self.closeness = names, roles, subjects or {}, closeness
        initials: dict[str, set[str]] = {}
        for plain, name in names.items():
            words = re.findall(r"\w+", plain)
            if len(words) > 1:
                initials.setdefault("".join(w[0] for w in words), set()).add(name)
        # Initials that fit two companies say nothing.
        self._initials = {short: next(iter(found)) for short, found in initials.items() if len(found) == 1}

    def link(self, mention: str, document: str | None = None) -> str | None:
        """The name of the company or the id of the document that is meant; None where it links to nothing.

        Args:
            document: id of the document in which the mention stands; roles and "this agreement" need it.
        """
        plain = plain_name(mention)
        if document is not None and (mention.lower().strip() in SELF_WORDS or plain in SELF_WORDS):
            return self.subjects.get(document, document)
        if plain in self.names:
            return self.names[plain]
        if document is not None and plain in self.roles.get(document, {}):
            return self.roles[document][plain]
        if mention.isupper() and plain in self._initials:
            return self._initials[plain]
        near = difflib.get_close_matches(plain, self.names, n=2, cutoff=self.closeness)
        return self.names[near[0]] if near and len({self.names[n] for n in near}) == 1 else None


def subject_of(document: Document) -> str:
    """What a document is about: a register extract about its company, any other about itself."""
    return document.title.removeprefix(REGISTER) if document.title.startswith(REGISTER) else document.id


def make_linker(found: Sequence[ExtractedTriple], documents: Sequence[Document]) -> Linker:
    """A linker that knows the companies of register extracts, parties, parents, former names, and who has which role.

    Args:
        found: triples as `extract` gives them.
        documents: those they stand in.
    """
    subjects = {d.id: name for d in documents if (name := subject_of(d)) != d.id}
    names = {plain_name(name): name for name in subjects.values()}
    for mention in found:
        if mention.relation in ("party", "parent company"):
            names.setdefault(plain_name(mention.object), mention.object)
    bare = Linker(names, {}, subjects)
    for mention in found:
        # A present name goes before another company's former one.
        now = bare.link(mention.subject, mention.source.document) if mention.relation == "former name" else None
        if now is not None:
            names.setdefault(plain_name(mention.object), now)
    return Linker(names, _roles(found, Linker(names, {}, subjects)), subjects)


def _roles(found: Sequence[ExtractedTriple], names: Linker) -> dict[str, dict[str, str]]:
    """By document and role the company: the party nearest in front of the role, or, where all parties come first, the
    one of the same number."""
    stand: dict[str, dict[str, list[ExtractedTriple]]] = {}
    for mention in sorted(found, key=lambda m: m.source.start):
        if mention.relation in ("party", "role"):
            stand.setdefault(mention.source.document, {}).setdefault(mention.relation, []).append(mention)
    made: dict[str, dict[str, str]] = {}
    for document, rows in stand.items():
        parties, roles = rows.get("party", []), rows.get("role", [])
        after = bool(parties and roles) and parties[-1].source.end <= roles[0].source.start
        for i, role in enumerate(roles):
            before = [p for p in parties if p.source.end <= role.source.start]
            in_turn = after and len(parties) == len(roles)
            party = parties[i : i + 1] if in_turn else (before[-1:] or parties[:1])
            company = names.link(party[0].object, document) if party else None
            if company is not None and plain_name(role.object) not in names.names:
                made.setdefault(document, {}).setdefault(plain_name(role.object), company)
    return made
