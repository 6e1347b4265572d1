"""The exercises of lesson 05. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from typing import Any

from labkit import bench, corpus
from labkit.exercises.checking import exercise
from labkit.exercises.dev_archive import (
    documents,
    lookup_pipeline,
    near,
)


@exercise("05.1")
def top_of_the_group(answer: Any) -> str | None:
    top = lookup_pipeline().graph.group("Fieldfare Hinge Ltd")[-1]
    if str(answer).strip() == top:
        return None
    return "graph.group lists the chain from the company upwards: take its last."


@exercise("05.2")
def worth_of_perfect_triples(answer: Any) -> str | None:
    questions = corpus.load_questions("dev", "multihop")
    if near(answer, bench.mean(bench.measure("", questions, lookup_pipeline(perfect=True)), "answer_accuracy").value):
        return None
    return "Build graph, retriever, intents, ranker and pipeline anew from rag.gold_triples(documents)."


@exercise("05.3")
def relation_of_lowest_recall(answer: Any) -> str | None:
    rows = bench.triple_scores(lookup_pipeline().graph, corpus.gold_facts(documents()))
    clauses = rows[rows.relation.isin(corpus.clause_relations()) & (rows.gold >= 10)]
    if str(answer).strip() in set(clauses[clauses.recall == clauses.recall.min()].relation):
        return None
    return "Keep the rows of scores with a relation of corpus.clause_relations() and 10 gold facts; sort by recall."
