"""Triples: the facts of passages as subject, relation and object, extracted by a generator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llama_index.core.schema import TextNode

from labkit.corpus import COMPANY_RELATIONS, PARTY_RELATIONS, Document, Span, clause_relations, gold_facts
from labkit.models import Generator
from labkit.prompts import NEW_TOKENS, Message, triples_messages
from labkit.rag.chunking import ClauseParser, chunk, passage_of, place, span_of, text_of, title_of
from labkit.replies import parse_triples

# How the title of a register extract begins; the name of the company follows.
REGISTER = "Register extract: "
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
