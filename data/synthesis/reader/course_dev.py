"""The reader on the course's dev questions, given what a perfect search would find.

Nothing here was trained on: the reader meets these contracts as a stranger. Intervals are
clustered by contract. The test split stays closed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labkit import corpus, metrics, models, prompts, rag, stats
from labkit import judge as judging
from labkit.bench import everyday_questions as everyday_questions
from labkit.corpus import Question
from labkit.metrics import AnswerScore
from labkit.prompts import Passage
from labkit.replies import parse_answer, parse_classification
from labkit.stats import Interval
from synthesis.reader import evaluate as worlds
from synthesis.reader import extraction

RELATIONS = ("parent company", "former name", "seat", "chief executive", "finance director")


def _questions(task: str | Sequence[str]) -> list[Question]:
    return [q for q in corpus.load_questions("dev", task) if q.followup is None]


def _means(scores: Sequence[AnswerScore], clusters: Sequence[str]) -> dict[str, Interval]:
    """Right, wrong and refused answers apart."""
    wrong = [float(not s.refused and s.exact_match == 0) for s in scores]
    due = [None if s.should_refuse else float(s.refused) for s in scores]
    return {
        "exact_match": stats.mean_interval([s.exact_match for s in scores], clusters),
        "token_f1": stats.mean_interval([s.token_f1 for s in scores], clusters),
        "wrong_answers": stats.mean_interval(wrong, clusters),
        "wrongly_refused": stats.mean_interval(due, clusters),
        "citation_accuracy": stats.mean_interval([s.citation for s in scores], clusters),
    }


def _read(generator: models.Generator, questions: Sequence[Question], distractors: int = 2) -> list[AnswerScore]:
    """Scores of answers read from the gold passages among hard distractors."""
    oracle = rag.oracle(questions, corpus.load_documents(), corpus.contract_records(), distractors)
    results = rag.Pipeline(oracle, generator, top_k=8).run([q.question for q in questions])
    return rag.score(questions, results)


def lookups(generator: models.Generator, every: int = 1) -> dict[str, Interval]:
    """Lookups with the gold passage and two hard distractors: clauses of the same category from other contracts.

    Args:
        generator: the model that answers. every: ask every so many-th question.
    """
    asked = _questions("lookup")[::every]
    scores = _read(generator, asked)
    return _means(scores, [q.cluster for q in asked])


def lookups_and_refusals(generator: models.Generator) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """The figures of `lookups`, and refusals of lookups and of questions without an answer, from one reading."""
    asked = _questions(["lookup", "unanswerable"])
    scores = _read(generator, asked)
    clusters = [q.cluster for q in asked]
    found = [(s, c) for s, c, q in zip(scores, clusters, asked, strict=True) if q.task == "lookup"]
    refusals = {}
    for name, wanted in (("refused_rightly", True), ("refused_wrongly", False)):
        refused = [float(s.refused) if s.should_refuse == wanted else None for s in scores]
        refusals[name] = stats.mean_interval(refused, clusters)
    refusals["refusal_f1"] = metrics.refusal_f1(scores, clusters)
    return _means([s for s, _ in found], [c for _, c in found]), refusals


def everyday(generator: models.Generator) -> dict[str, Any]:
    """The sixty everyday questions, gold passage among two distractors: right, or rightly refused."""
    asked = everyday_questions()
    scores = _read(generator, asked)
    figures: dict[str, Any] = dict(_means(scores, [q.cluster for q in asked]))
    return {"right": int(sum(s.exact_match for s in scores)), "of": len(asked)} | figures


def _gold_value(records: Mapping[str, Mapping[str, Any]], question: Question, document: str) -> str:
    """The value of the question's category in a contract, as the text words it."""
    return next(c["surface"] for c in records[document]["clauses"] if c["category"] == question.category)


def compare(generator: models.Generator) -> dict[str, Interval]:
    """Comparing questions, the two values already found."""
    records = {r["id"]: r for r in corpus.contract_records()}
    asked = _questions("compare")
    found = [[(records[d]["title"], _gold_value(records, q, d)) for d in q.documents[:2]] for q in asked]
    replies = generator.generate(
        [prompts.compare_messages(q.question, pairs) for q, pairs in zip(asked, found, strict=True)]
    )
    scores = [metrics.score_answer(q, parse_answer(r)) for q, r in zip(asked, replies, strict=True)]
    return {"exact_match": stats.mean_interval([s.exact_match for s in scores], [q.cluster for q in asked])}


def classify(generator: models.Generator, by_asking: bool = False) -> dict[str, Interval]:
    """Category and rating of a clause, the clause and three rules of the playbook given.

    Args:
        by_asking: choose the rule by the question that the clause answers, see `extraction.classify_by_asking`.
    """
    texts = {d.id: d for d in corpus.load_documents()}
    asked, rows = _questions("classify"), []
    for question in asked:
        quotes = dict(rag.evidence_quotes(question, texts))
        clause = next(text for document, text in quotes.items() if document != "playbook")
        _, rules = rag.rule_passages(texts["playbook"], quotes["playbook"], question.id)
        rows.append((clause, rules))
    if by_asking:
        named = [(clause, [_named_rule(rule) for rule in rules]) for clause, rules in rows]
        got = extraction.classify_by_asking(generator, named)
    else:
        replies = generator.generate([prompts.classify_messages(*row) for row in rows])
        got = [parse_classification(r) for r in replies]
    rated = [float((rating or "") in q.fields["rating"]) for q, (_, rating) in zip(asked, got, strict=True)]
    placed = [metrics.exact_match(name, q.fields["category"]) if "category" in q.fields else None
              for q, (name, _) in zip(asked, got, strict=True)]  # fmt: skip
    clusters = [q.cluster for q in asked]
    return {"rating": stats.mean_interval(rated, clusters), "category": stats.mean_interval(placed, clusters)}


def _named_rule(section: Passage) -> extraction.Rule:
    """The name and the text of a section of the playbook."""
    name, _, text = section.text.partition("\n")
    return name.strip(), text.strip()


def _sheets() -> tuple[list[Question], list[list[Passage]], str]:
    """The questions for a term sheet, the passages that hold the evidence of each, and the guide."""
    texts = {d.id: d for d in corpus.load_documents()}
    asked = _questions("summarise")
    pages = [
        [Passage(texts[d].title, text) for d, text in rag.evidence_quotes(q, texts) if d != "playbook"] for q in asked
    ]
    return asked, pages, rag.term_sheet_guide(texts["playbook"])


def term_sheets_by_asking(generator: models.Generator) -> dict[str, Interval]:
    """Term sheets, one plain question a field, from the passages that hold the evidence."""
    asked, pages, guide = _sheets()
    fields = re.findall(r"^\d+\. ([^:]+):", guide, re.MULTILINE)
    read = extraction.read_fields(generator, [(page, fields) for page in pages])
    values = [metrics.field_f1(extraction.term_sheet(v), q.fields) for v, q in zip(read, asked, strict=True)]
    return {"field_f1": stats.mean_interval(values, [q.cluster for q in asked])}


def term_sheets(generator: models.Generator) -> dict[str, Interval]:
    """Term sheets in one reply, from the passages that hold the evidence."""
    asked, pages, guide = _sheets()
    chats = [prompts.term_sheet_messages(page, guide) for page in pages]
    # A sheet whose passages do not fit into the window counts as empty.
    fits = [generator.count_tokens(c) + prompts.NEW_TOKENS["term_sheet"] <= generator.max_length for c in chats]
    written = iter(
        generator.generate([c for c, f in zip(chats, fits, strict=True) if f], prompts.NEW_TOKENS["term_sheet"])
    )
    replies = [next(written) if f else "" for f in fits]
    values = [metrics.field_f1(r, q.fields) for q, r in zip(asked, replies, strict=True)]
    clusters = [q.cluster for q in asked]
    return {"field_f1": stats.mean_interval(values, clusters),
            "fits": stats.mean_interval([float(f) for f in fits], clusters)}  # fmt: skip


def drafts(generator: models.Generator) -> dict[str, Interval]:
    """Notices to the other party, from the passages that hold the facts: share of the checklist's points."""
    texts = {d.id: d for d in corpus.load_documents()}
    asked = _questions("draft")
    pages = [[Passage(texts[d].title, text) for d, text in rag.evidence_quotes(q, texts)] for q in asked]
    chats = [prompts.draft_messages(q.question, page) for q, page in zip(asked, pages, strict=True)]
    replies = generator.generate(chats, prompts.NEW_TOKENS["draft"])
    values = [metrics.checklist(r, q.fields) for r, q in zip(replies, asked, strict=True)]
    return {"checklist": stats.mean_interval(values, [q.cluster for q in asked])}


def rewrite(generator: models.Generator) -> dict[str, Interval]:
    """Follow-ups as questions of their own, against the standalone wording."""
    asked = [q for q in corpus.load_questions("dev") if q.followup is not None and q.standalone]
    chats = [prompts.rewrite_messages(q.followup["history"], q.question) for q in asked if q.followup]
    replies = generator.generate(chats, prompts.NEW_TOKENS["rewrite"])
    exact = [metrics.exact_match(r, [q.standalone or ""]) for q, r in zip(asked, replies, strict=True)]
    near = [metrics.token_f1(r, [q.standalone or ""]) for q, r in zip(asked, replies, strict=True)]
    clusters = [q.cluster for q in asked]
    return {"exact_match": stats.mean_interval(exact, clusters), "token_f1": stats.mean_interval(near, clusters)}


def triples(generator: models.Generator, pool: str = "dev", by_asking: bool = False) -> dict[str, Interval]:
    """Facts of the register extracts as triples, against the registry.

    Args:
        pool: of companies. by_asking: one plain question a relation, see `extraction.read_triples`.
    """
    records = corpus.company_records()
    names = {r["id"]: r["name"] for r in records}
    chosen = [r for r in records if r["pool"] == pool] or records
    pages = [Passage(f"Register extract: {r['name']}", r["text"]) for r in chosen]
    if by_asking:
        read = extraction.read_triples(
            generator, [(p, RELATIONS, r["name"]) for p, r in zip(pages, chosen, strict=True)]
        )
        replies = ["\n".join(" | ".join(t) for t in row) for row in read]
    else:
        chats = [prompts.triples_messages(page, RELATIONS) for page in pages]
        replies = generator.generate(chats, prompts.NEW_TOKENS["triples"])
    tallies = []
    for record, reply in zip(chosen, replies, strict=True):
        gold = [(record["name"], "seat", record["seat"])]
        gold += [(record["name"], "parent company", names[record["parent"]])] if record["parent"] else []
        gold += [(record["name"], "former name", name) for name in record["former_names"]]
        gold += [(record["name"], o["role"], o["name"]) for o in record["officers"] if o["role"] in RELATIONS]
        tallies.append(worlds.triple_counts(reply, gold))
    figures = worlds.MEASURES["triples"].figures
    clusters = [r["id"] for r in chosen]
    return {k: worlds.interval(np.array(tallies), clusters, f) for k, f in figures.items()}


def judge(generator: models.Generator, by_answering: bool = False) -> dict[str, Interval]:
    """Whether an answer is right: each dev lookup once with its answer, once with another contract's value.

    Args:
        by_answering: compare with the generator's own answer instead of asking for a verdict.
    """
    documents, contracts = corpus.load_documents(), corpus.contract_records()
    rows: list[judging.Judged] = []
    truth, clusters = [], []
    for question in _questions("lookup"):
        passages, spans = rag.oracle_passages(question, documents, contracts)
        elsewhere = [c["surface"] for r in contracts for c in r["clauses"]
                     if c["category"] == question.category and r["id"] in {s.document for s in spans}
                     and r["id"] not in question.documents and c["surface"] not in question.accepted()]  # fmt: skip
        for answer, right in [(question.answer or "", True), *((a, False) for a in elsewhere[:1])]:
            rows.append((question.question, passages, answer))
            truth.append("yes" if right else "no")
            clusters.append(question.cluster)
    if by_answering:
        replies = ["yes" if right else "no" for right in judging.judge_by_answering(generator, rows)]
    else:
        replies = generator.generate([prompts.judge_messages(q, a, passages) for q, passages, a in rows])
    return worlds.measure("judge", replies, truth, clusters)


def reading(generator: models.Generator) -> dict[str, dict[str, Any]]:
    """What the model card reports: lookups, refusals and everyday questions, by name."""
    lookup, refusal = lookups_and_refusals(generator)
    return {
        "lookup, gold passage and two distractors": lookup,
        "lookup and unanswerable": refusal,
        "everyday questions": everyday(generator),
    }


def evaluate(generator: models.Generator) -> dict[str, dict[str, Any]]:
    """Every measurement of this module, by name."""
    return reading(generator) | {
        "compare": compare(generator),
        "classify": classify(generator),
        "term_sheet": term_sheets(generator),
        "rewrite": rewrite(generator),
        "draft": drafts(generator),
        "triples": triples(generator),
        "judge": judge(generator),
        "judge by answering": judge(generator, by_answering=True),
        "classify by asking": classify(generator, by_asking=True),
        "term_sheet by asking": term_sheets_by_asking(generator),
        "triples by asking": triples(generator, by_asking=True),
    }
