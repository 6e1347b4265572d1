"""The facts of passages as triples, extracted by a generator, and the companies and documents that they mean."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from llama_index.core.schema import TextNode

from labkit import stats
from labkit.corpus import COMPANY_RELATIONS, PARTY_RELATIONS, Document, Span, clause_relations, gold_facts
from labkit.models import Generator
from labkit.prompts import NEW_TOKENS, Message, triples_messages
from labkit.rag.chunking import ClauseParser, chunk, passage_of, place, span_of, text_of, title_of
from labkit.replies import parse_triples

# How the title of a register extract begins; the name of the company follows.
REGISTER = "Register extract: "
# A name by something else that is known.
Names = Mapping[str, str]
# What a triple calls the document that it stands in, or the company that a register extract is about.
SELF = "document"
# Relations that take a company as their object, and those that take a person or a place.
COMPANY_OBJECTS = ("party", "parent company", "former name")
OTHER_OBJECTS = ("chief executive", "finance director", "seat")
# Legal forms, with which a company's name ends.
LEGAL_FORM = (
    r"(?:s\.?p\.?a|s\.?a\.?s|s\.?a|s\.?r\.?l|b\.?v|n\.?v|k\.?g|a\.?g|a/s|a\.?b|oy|kft|gmbh|ltd|limited|llc|llp|inc|corp|plc|co|se)"
    r"\.?"
)
_COMPANY = re.compile(rf"^.*?\S[\s,]+{LEGAL_FORM}(?=[\s,;:)]|$)", re.IGNORECASE)
# Parties are named at the start of a contract, within so many characters.
_OPENING = 1000


@dataclass(frozen=True)
class ExtractedTriple:
    """A triple as the model wrote it: three texts, and where the object stands."""

    subject: str
    relation: str
    object: str
    source: Span


def fact_chunks(documents: Sequence[Document]) -> list[TextNode]:
    """Chunks to extract from: clauses, and every line of a schedule of "label: value" lines by itself."""
    parts: list[TextNode] = []
    for node in chunk(documents, ClauseParser()):
        lines = [m for m in re.finditer(r"[^\n]+", text_of(node)) if re.match(r"[^.:]{2,60}: \S", m[0])]
        parts += [_line(node, match) for match in lines] if len(lines) > 2 else [node]
    return parts


def _line(node: TextNode, match: re.Match[str]) -> TextNode:
    """A line of a chunk as a chunk of its own."""
    whole = span_of(node)
    span = Span(whole.document, whole.start + match.start(), whole.start + match.end())
    return place(TextNode(text=match[0]), span, title_of(node))


def relations_of(node: TextNode) -> list[tuple[str, ...]]:
    """The relations that the course asks of a chunk, prompt by prompt.

    A register extract is asked for one relation at a time, the start of a contract for parties and roles as well, and
    every part of a contract for what clauses state.
    """
    if title_of(node).startswith(REGISTER):
        return [(relation,) for relation in COMPANY_RELATIONS]
    opening = [(relation,) for relation in PARTY_RELATIONS] if span_of(node).start < _OPENING else []
    return [*opening, clause_relations()]


def triple_prompts(chunks: Sequence[TextNode]) -> list[list[list[Message]]]:
    """For each chunk the prompts that ask for its triples."""
    return [[triples_messages(passage_of(node), group) for group in relations_of(node)] for node in chunks]


def extract(generator: Generator, chunks: Sequence[TextNode], progress: bool = False) -> list[ExtractedTriple]:
    """Ask a generator for the triples of each chunk.

    Only relations that were asked for are kept, and only objects that stand in the chunk word for word.

    Args:
        generator: the model that extracts.
        chunks: such as `fact_chunks` gives.
        progress: show a bar.

    Raises:
        ValueError: there are no chunks.
    """
    if not chunks:
        raise ValueError("There are no chunks to extract from: cut some documents first.")
    requests = [(node, group) for node in chunks for group in relations_of(node)]
    prompts = [triples_messages(passage_of(node), group) for node, group in requests]
    replies = generator.generate(prompts, NEW_TOKENS["triples"], progress=progress)
    rows = zip(requests, replies, strict=True)
    return [triple for (node, group), reply in rows for triple in triples_in_reply(node, reply, group)]


def triples_in_reply(node: TextNode, reply: str, relations: Sequence[str]) -> Iterator[ExtractedTriple]:
    """The triples of a reply about a chunk that have one of the relations, each with the place of its object."""
    span, text = span_of(node), text_of(node)
    for subject, relation, written in dict.fromkeys(parse_triples(reply)):
        thing = written.rstrip(" ,;:")
        if relation.lower() in COMPANY_OBJECTS and (name := _COMPANY.match(thing)):
            thing = name[0]  # what follows the legal form is no part of the name
        match = re.search(r"\s+".join(map(re.escape, thing.split())), text, re.IGNORECASE)
        if thing and relation.lower() in relations and match:
            start = span.start + match.start()
            source = Span(span.document, start, start + len(match[0]))
            yield ExtractedTriple(subject, relation.lower(), thing, source)


def gold_triples(documents: Sequence[Document]) -> list[ExtractedTriple]:
    """The triples that a perfect extraction would give, for the course's documents: the ceiling of every extraction."""
    return [ExtractedTriple(SELF, f.relation, f.object, f.span) for f in gold_facts(documents)]


_SELF_WORDS = re.compile(r"(?:this |the )?(?:document|agreement|contract|amendment)")
_ENDS_WITH_FORM = re.compile(rf"[\s,]+{LEGAL_FORM}$")


def plain_name(name: str) -> str:
    """A company's name as it is compared: lower case, no legal form, no article, no punctuation at the end."""
    plain = " ".join(name.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split()).strip(" ,;:\"'")
    while (shorter := _ENDS_WITH_FORM.sub("", plain)) != plain:
        plain = shorter
    return plain.removeprefix("the ").strip(" .,")


def is_company(name: str) -> bool:
    """Whether a name ends with a legal form."""
    return _ENDS_WITH_FORM.search(name.lower().strip()) is not None


def subject_of(document: Document) -> str:
    """What a document is about: a register extract about its company, any other about itself."""
    return document.title.removeprefix(REGISTER) if document.title.startswith(REGISTER) else document.id


class Linker:
    """Which entity does a mention mean? A company for a name, an old name or a role; for "this agreement" its document.

    Args:
        names: for each company its name, by the forms under which it is known (`plain_name`).
        roles: for each document, by role in lower case, the company.
        subjects: what a document is about, where that is not the document itself.
        closeness: how much of a misspelt name must agree, from 0 to 1.
    """

    def __init__(
        self, names: Names, roles: Mapping[str, Names], subjects: Names | None = None, closeness: float = 0.88
    ) -> None:
        self.names, self.roles, self.subjects, self.closeness = names, roles, subjects or {}, closeness
        initials = stats.grouped(("".join(re.findall(r"\b\w", plain)), name) for plain, name in names.items())
        # Initials that fit two companies say nothing.
        self._initials = {i: fits[0] for i, fits in initials.items() if len(i) > 1 and len(set(fits)) == 1}

    def link(self, mention: str, document: str | None = None) -> str | None:
        """The name of the company or the id of the document that is meant; None where it links to nothing.

        Args:
            mention: the text.
            document: id of the document in which the mention stands; roles and "this agreement" need it.
        """
        plain = plain_name(mention)
        if document is not None and any(map(_SELF_WORDS.fullmatch, (mention.lower().strip(), plain))):
            return self.subjects.get(document, document)
        if plain in self.names:
            return self.names[plain]
        if document is not None and plain in self.roles.get(document, {}):
            return self.roles[document][plain]
        if mention.isupper() and plain in self._initials:
            return self._initials[plain]
        near = difflib.get_close_matches(plain, self.names, n=2, cutoff=self.closeness)
        return self.names[near[0]] if near and len({self.names[n] for n in near}) == 1 else None


def build_linker(triples: Sequence[ExtractedTriple], documents: Sequence[Document]) -> Linker:
    """A linker that knows the companies of register extracts, parties, parents, former names, and who has which role.

    Args:
        triples: as `extract` gives them.
        documents: those that the triples stand in.
    """
    subjects = {d.id: name for d in documents if (name := subject_of(d)) != d.id}
    names = {plain_name(name): name for name in subjects.values()}
    for triple in triples:
        if triple.relation in ("party", "parent company"):
            names.setdefault(plain_name(triple.object), triple.object)
    present = Linker(names, {}, subjects)
    for triple in triples:
        # A present name goes before another company's former one.
        company = present.link(triple.subject, triple.source.document) if triple.relation == "former name" else None
        if company is not None:
            names.setdefault(plain_name(triple.object), company)
    return Linker(names, _roles(triples, Linker(names, {}, subjects)), subjects)


def _roles(triples: Sequence[ExtractedTriple], names: Linker) -> dict[str, dict[str, str]]:
    """By document and role the company.

    It is the party nearest in front of the role, or, where all parties come first, the one of the same number.
    """
    in_order = sorted(triples, key=lambda t: t.source.start)
    companies: dict[str, dict[str, str]] = {}
    for document, rows in stats.grouped((t.source.document, t) for t in in_order).items():
        parties, roles = ([t for t in rows if t.relation == relation] for relation in ("party", "role"))
        after = bool(parties and roles) and parties[-1].source.end <= roles[0].source.start
        for i, role in enumerate(roles):
            before = [p for p in parties if p.source.end <= role.source.start]
            in_turn = after and len(parties) == len(roles)
            party = parties[i : i + 1] if in_turn else (before[-1:] or parties[:1])
            company = names.link(party[0].object, document) if party else None
            if company is not None and plain_name(role.object) not in names.names:
                companies.setdefault(document, {}).setdefault(plain_name(role.object), company)
    return companies


# ---------------------------------------------------------------------- what is linked at all


def plausible(triples: Sequence[ExtractedTriple], documents: Sequence[Document]) -> list[ExtractedTriple]:
    """The triples whose object is of the kind that the relation takes.

    A company where one must stand, and no company where an officer or a place must. A name counts as a company's where
    it ends with a legal form, or where it is one of such a company without it. Of two names for one relation in one
    document, one of which is the end of the other, the longer is kept.
    """
    names = [t.object for t in triples if t.relation in COMPANY_OBJECTS] + [subject_of(d) for d in documents]
    companies = {plain_name(name) for name in names if is_company(name)}

    def fits(triple: ExtractedTriple) -> bool:
        company = is_company(triple.object) or plain_name(triple.object) in companies
        return company if triple.relation in COMPANY_OBJECTS else not (company and triple.relation in OTHER_OBJECTS)

    fitting = [t for t in triples if fits(t)]
    whole = [(t.source.document, t.relation, t.object) for t in fitting if t.relation in COMPANY_OBJECTS]
    return [t for t in fitting if not any((t.source.document, t.relation) == (d, r) and o.endswith(f" {t.object}")
                                          for d, r, o in whole)]  # fmt: skip


def title_parties(triples: Sequence[ExtractedTriple], documents: Sequence[Document]) -> list[ExtractedTriple]:
    """The companies that a contract's or amendment's title names, as parties, where they stand in its text.

    Args:
        triples: name the companies that titles are searched for, besides those of register extracts.
        documents: whose titles are searched.
    """
    names = {subject_of(d) for d in documents if subject_of(d) != d.id}
    names |= {t.object for t in triples if t.relation in COMPANY_OBJECTS and t.relation != "former name"}
    parties = []
    for document in (d for d in documents if subject_of(d) == d.id):
        for name in sorted(names, key=lambda n: (-len(n), n)):
            start = document.text.find(name)
            if start >= 0 and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", document.title):
                parties.append(ExtractedTriple(SELF, "party", name, Span(document.id, start, start + len(name))))
    return parties
