"""Exercises: `check` judges an answer; each judge takes one and returns a hint, or None when it is right.

What is expected is computed from the course's data, never written down here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from labkit import bench, corpus, metrics, models, paths, rag
from labkit.replies import parse_answer
from labkit.values import Quantity, difference, parse_quantity

Judge = Callable[[Any], str | None]
EXERCISES: dict[str, Judge] = {}

# What lessons 00 and 01 ask about; their notebooks name the same.
FIRST_CONTRACT = "C049"
FIRST_QUESTION = "dev-0088"


def exercise(number: str) -> Callable[[Judge], Judge]:
    """Register the judge of an exercise."""

    def register(judge: Judge) -> Judge:
        EXERCISES[number] = judge
        return judge

    return register


def check(exercise: str, answer: Any = None) -> None:
    """Judge the answer to an exercise, and hint where it is not right yet.

    Args:
        exercise: its number, such as "01.2".
        answer: what you found; `...` or nothing while it is not answered.

    Raises:
        ValueError: there is no such exercise.
    """
    if exercise not in EXERCISES:
        raise ValueError(f"There is no exercise {exercise!r}: choose one of {', '.join(sorted(EXERCISES))}.")
    if answer is None or answer is ...:
        print(f"{exercise}: not answered yet.")
        return
    hint = _judge(EXERCISES[exercise], answer)
    print(f"{exercise}: right." if hint is None else f"{exercise}: not yet. {hint}")


def _judge(judge: Callable[[Any], str | None], answer: Any) -> str | None:
    """The hint for an answer; one that cannot even be judged gets a hint, not a traceback."""
    try:
        return judge(answer)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as cause:
        return (
            "It could not be judged. Has the answer the form that the exercise asks for? "
            f"({type(cause).__name__}: {cause})"
        )


# ---------------------------------------------------------------------------------- lessons 00, 01


@cache
def _dev() -> list[corpus.Question]:
    return [q for q in corpus.load_questions("dev", ["lookup", "unanswerable"]) if q.followup is None]


def _first_question() -> corpus.Question:
    return next(q for q in _dev() if q.id == FIRST_QUESTION)


@exercise("00.1")
def contracts_of_dev(answer: Any) -> str | None:
    contracts = corpus.load_documents("dev", kinds=("contract",))
    if answer == len(contracts):
        return None
    if answer == len(corpus.load_documents("dev", kinds=("contract", "amendment"))):
        return "That counts the amendments too: give kinds=('contract',)."
    return "Count the documents of corpus.load_documents('dev', kinds=('contract',))."


@exercise("00.2")
def interest_on_late_payments(answer: Any) -> str | None:
    if not isinstance(answer, str):
        return "Give the text of the reply: pipeline.ask(...).reply."
    record = next(r for r in corpus.contract_records() if r["id"] == FIRST_CONTRACT)
    interest = next(c for c in record["clauses"] if c["category"] == "late_interest")
    if metrics.exact_match(parse_answer(answer).text, [interest["value"], *interest["aliases"]]):
        return None
    return "That is not the interest of this contract. Ask in other words, for example what is due on late payments."


@exercise("00.3")
def length_of_the_evidence(answer: Any) -> str | None:
    evidence = _first_question().evidence[0]
    return None if int(answer) == evidence.end - evidence.start else "A span ends before `end`: subtract its start."


@exercise("01.1")
def same_after_normalisation(answer: Any) -> str | None:
    if str(answer) == "USD 2,000,000":
        return "That is the same text: change letters or signs, but not what it says."
    if metrics.exact_match(str(answer), ["USD 2,000,000"]):
        return None
    return "It does not count as equal. Case, articles and thousands separators do not matter; words and digits do."


@exercise("01.2")
def recall_at_20(answer: Any) -> str | None:
    if _near(answer, _mean_recall(20)):
        return None
    if _near(answer, _mean_recall(5)):
        return "That is the recall at 5: retrieve 20 chunks, and give k=20 to metrics.score_retrieval."
    return "Average recall_at_k over the questions whose score is not None."


@cache
def _mean_recall(k: int) -> float:
    return _naive_recall(corpus.load_documents(), _dev(), k)


def _naive_recall(documents: list[corpus.Document], questions: list[corpus.Question], k: int) -> float:
    """Mean recall at k of the chunks of lesson 01."""
    index = rag.VectorIndex(rag.chunk(documents, tokens=128), models.load_embedder())
    hits = index.retrieve([q.question for q in questions], top_k=k)
    spans = [[rag.span_of(h.node) for h in row] for row in hits]
    scores = metrics.score_retrieval(questions, spans, [[1] * len(row) for row in hits], k=k)
    recalls = [s.recall_at_k for s in scores if s is not None]
    return sum(recalls) / len(recalls)


@exercise("01.3")
def recall_in_one_contract(answer: Any) -> str | None:
    question = _first_question()
    contract = [d for d in corpus.load_documents() if d.id == question.documents[0]]
    if _near(answer, _naive_recall(contract, [question], 5)):
        return None
    return "Chunk only the document whose id is question.documents[0], retrieve five chunks, and score them with k=5."


# ------------------------------------------------------------------------------- lessons 02 to 04


@cache
def _documents() -> list[corpus.Document]:
    return corpus.load_documents("dev")


@cache
def _reading() -> list[corpus.Question]:
    return bench.dev_questions("reading")


@cache
def _lookups() -> list[corpus.Question]:
    return [q for q in bench.dev_questions("retrieval") if q.task == "lookup"]


@cache
def _dense() -> rag.VectorIndex:
    return bench.dense_index(_documents())


@cache
def _hybrid() -> rag.Hybrid:
    return bench.hybrid(_documents())


@cache
def _tuned_index() -> rag.VectorIndex:
    return bench.tuned_index(_documents())


def _mean(questions: list[corpus.Question], retriever: Any, *post: Any, metric: str = "evidence_in_prompt") -> float:
    """Mean of a metric of retrieval, with three passages in a prompt."""
    pipeline = rag.Pipeline(retriever, models.load_generator(), post=post, top_k=3)
    return bench.mean(bench.measure("", questions, pipeline, answer=False), metric).value


def _near(answer: Any, expected: float, tolerance: float = 0.005) -> bool:
    return abs(float(answer) - expected) < tolerance


@exercise("02.1")
def evidence_left_whole(answer: Any) -> str | None:
    spans = [rag.span_of(c) for c in rag.chunk(_documents(), tokens=48)]
    evidence = [e for q in _reading() for e in q.evidence]
    whole = sum(any(s.overlap(e) == e.end - e.start for s in spans) for e in evidence)
    return None if _near(answer, whole / len(evidence)) else "Cut with tokens=48, then `described` tells the share."


@exercise("02.2")
def header_and_clause_as_one_text(answer: Any) -> str | None:
    lookups = [q for q in _reading() if q.task == "lookup"]
    if _near(answer, _mean(lookups, rag.VectorIndex(_dense().chunks, _dense().embedder))):
        return None
    if _near(answer, _mean(lookups, _dense())):
        return "That is the figure of headers and clauses embedded apart: leave out joined=False."
    return "Index the clauses with headers by rag.VectorIndex(headed, embedder); average over the lookups of `asked`."


@exercise("02.3")
def followup_in_full(answer: Any) -> str | None:
    question = [q for q in corpus.load_questions("dev") if q.followup][1]
    if not isinstance(answer, str) or not answer.strip().endswith("?"):
        return "Write a question as a text, with its question mark."
    assert question.followup is not None
    if any(answer.strip() == turn["content"].strip() for turn in question.followup["history"]):
        return "That is the earlier question, which asks for something else: ask what the follow-up asks."
    if _found(_dense(), answer, question.evidence):
        return None
    return "The evidence is not among the first five: name the contract as the earlier question does."


def _found(retriever: Any, question: str, evidence: Sequence[corpus.Span]) -> bool:
    """Whether a piece of evidence is in one of the first five chunks."""
    return any(metrics.covers(rag.span_of(h.node), e) for h in retriever.retrieve([question], 5)[0] for e in evidence)


@exercise("03.1")
def reciprocal_rank_fusion(answer: Any) -> str | None:
    return None if _near(answer, 1 / 62 + 1 / 65, 5e-5) else "Add 1 / (60 + rank) over both lists, with ranks 2 and 5."


@exercise("03.2")
def one_document_kept(answer: Any) -> str | None:
    embedder = models.load_embedder(shipped=paths.vectors())
    router = rag.Router(rag.document_headers(_documents()), embedder, keep=1)
    if _near(answer, _mean(_lookups(), rag.Routed(_hybrid(), router))):
        return None
    return "Use rag.Routed(hybrid, rag.Router(headers, embedder, keep=1)), and average over the lookups of `many`."


@exercise("03.3")
def found_by_words_alone(answer: Any) -> str | None:
    question = next((q for q in _lookups() if q.id == answer), None)
    if question is None:
        return "Give the id of a lookup of `many`, such as the one of lookups[0].id."
    dense, words = (_found(r, question.question, question.evidence[:1]) for r in _hybrid().retrievers)
    if words and not dense:
        return None
    if words:
        return "The dense search finds it too."
    return "BM25 does not find it: compare found('BM25') and found('dense')."


@exercise("04.1")
def length_of_a_compressed_prompt(answer: Any) -> str | None:
    index = _tuned_index()
    short = [rag.First(3, rag.Compress(index.embedder, share=0.25))]
    run = bench.measure("", _reading(), rag.Pipeline(index, models.load_generator(), post=short, top_k=3))
    if _near(answer, bench.mean(run, "prompt_tokens").value, 0.5):
        return None
    return "Measure tuned_index with post=[rag.First(3, rag.Compress(tuned, share=0.25))], and look up prompt_tokens."


@exercise("04.2")
def depth_of_a_reranker(answer: Any) -> str | None:
    rerankers = [rag.EmbedderRerank(_tuned_index().embedder, depth) for depth in (20, 5)]
    deep, shallow = (_mean(_reading(), _hybrid(), r, metric=f"recall_at_{bench.K}") for r in rerankers)
    if _near(answer, deep):
        return None
    if _near(answer, shallow):
        return "That is the figure of depth 5: give depth=20 to rag.EmbedderRerank."
    return "Measure hybrid with post=[rag.EmbedderRerank(tuned, depth=20)] and answer=False; bench.mean gives the mean."


@exercise("04.3")
def lost_in_reading(answer: Any) -> str | None:
    question = next((q for q in _reading() if q.id == answer), None)
    if question is None:
        return "Give the id of a question of `asked`: the error browser shows them."
    pipeline = rag.Pipeline(_tuned_index(), models.load_generator(), top_k=3)
    [category] = bench.measure("", [question], pipeline).error_categories()
    if category in ("misread", "refused wrongly", "wrong version"):
        return None
    return f"The error category of that question is {category!r}."


# ------------------------------------------------------------------------------- lessons 05 and 06


@cache
def _lookup_pipeline(perfect: bool = False) -> rag.ToolPipeline:
    """The look-up of lessons 05 and 06, over the course's triples or over the gold ones."""
    triples = rag.gold_triples(_documents()) if perfect else None
    return bench.build_systems(_documents(), models.load_generator(), triples).lookup


@exercise("05.1")
def top_of_the_group(answer: Any) -> str | None:
    top = _lookup_pipeline().graph.group("Fieldfare Hinge Ltd")[-1]
    if str(answer).strip() == top:
        return None
    return "graph.group lists the chain from the company upwards: take its last."


@exercise("05.2")
def worth_of_perfect_triples(answer: Any) -> str | None:
    questions = corpus.load_questions("dev", "multihop")
    if _near(answer, bench.mean(bench.measure("", questions, _lookup_pipeline(perfect=True)), "answer_accuracy").value):
        return None
    return "Build graph, retriever, intents, ranker and pipeline anew from rag.gold_triples(documents)."


@exercise("05.3")
def relation_of_lowest_recall(answer: Any) -> str | None:
    rows = bench.triple_scores(_lookup_pipeline().graph, corpus.gold_facts(_documents()))
    clauses = rows[rows.relation.isin(corpus.clause_relations()) & (rows.gold >= 10)]
    if str(answer).strip() in set(clauses[clauses.recall == clauses.recall.min()].relation):
        return None
    return "Keep the rows of scores with a relation of corpus.clause_relations() and 10 gold facts; sort by recall."


@exercise("06.1")
def amended_contracts(answer: Any) -> str | None:
    graph = _lookup_pipeline().graph
    values = rag.matrix(graph, graph.contracts("Ironbloom B.V."), corpus.clause_relations())
    if _near(answer, sum(any(value.replaced for value in row.values()) for row in values.values()), 0.1):
        return None
    return "rag.matrix gives the values in force; count rows where one has `replaced`."


@exercise("06.2")
def difference_of_periods(answer: Any) -> str | None:
    expected = difference(parse_quantity("eighteen months"), parse_quantity("two (2) years"))  # type: ignore[arg-type]
    quantity = parse_quantity(str(answer))
    if quantity is not None and expected is not None and difference(quantity, expected) == Quantity(0, quantity.unit):
        return None
    return "Give difference(...) of the two quantities, parsed with parse_quantity, as a text such as '5 days'."


@exercise("06.3")
def look_up_that_refuses_more(answer: Any) -> str | None:
    pipeline = replace(_lookup_pipeline(), floor=0.5)
    run = bench.measure("", bench.dev_questions("many documents"), pipeline)
    if _near(answer, bench.mean(run, "answer_accuracy").value):
        return None
    return (
        "Measure rag.ToolPipeline(retriever, ranker, retriever.understand, rag.GraphLookupTool(graph), floor=0.5) "
        "over asked."
    )


# ------------------------------------------------------------------------------------ appendix A1


@exercise("A1.1")
def parameters_of_a_lower_rank(answer: Any) -> str | None:
    from safetensors.torch import load_file

    folder = paths.adapter("reader")
    rank = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))["r"]
    trained = sum(weight.numel() for weight in load_file(folder / "adapter_model.safetensors").values())
    if abs(float(answer) - trained * 4 / rank / 1e6) < 0.05:
        return None
    return "Each of the thin matrices has `rank` rows or columns, so their size is proportional to the rank."


@exercise("A1.2")
def mask_of_a_packed_row(answer: Any) -> str | None:
    group, branch = [0, 0, 0, 0, 1, 1, 1, 1, 2], [0, 1, 1, 2, 0, 0, 1, 2, 0]
    seen = answer(group, branch)
    if len(seen) != len(group) or any(len(row) != len(group) for row in seen):
        return "Give a square: a row for each token, and in it a column for each token."
    for i, row in enumerate(seen):
        for j, sees in enumerate(row):
            apart = (
                "what comes after it" if j > i else "another group" if group[i] != group[j]
                else "another branch" if branch[j] not in (0, branch[i]) else ""
            )  # fmt: skip
            if bool(sees) == bool(apart):
                fault = f"sees {apart}" if apart else "does not see a token that it may see"
                return f"With groups {group} and branches {branch}, token {i} {fault} (token {j})."
    return None


@exercise("A1.3")
def gain_with_new_clauses(answer: Any) -> str | None:
    shipped = json.loads(paths.read_checked("breadth.json", paths.adapter("reader")))
    values = [row["clause"]["value"] for row in shipped["rows"] if row["wordings"]]
    if abs(float(answer) - (values[-1] - values[0])) < 0.006:
        return None
    return "Take `new clauses` of `values`: the row of 16 wordings less the row of 1."


@exercise("A1.4")
def what_helps_with_new_wordings(answer: Any) -> str | None:
    hints = {
        "a": "The table of breadth gave each adapter the same training: what made the difference there?",
        "c": "New names and values teach copying. Which part of the text stays the same in all those worlds?",
        "d": "Then nothing is left that says how it does on wordings it has not seen.",
    }
    return None if (letter := str(answer).strip().lower()) == "b" else hints.get(letter, "Give a letter from a to d.")
