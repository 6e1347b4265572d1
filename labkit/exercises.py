"""Exercises: `check` judges an answer; each judge takes one and returns a hint, or None when it is right.

Floor 6. What is expected is computed from the course's data, never written down here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from labkit import bench, corpus, metrics, paths, rag
from labkit.replies import parse_answer

Judge = Callable[[Any], str | None]
EXERCISES: dict[str, Judge] = {}

# What lessons 00 and 01 ask about; their notebooks name the same.
FIRST_CONTRACT = "C049"
FIRST_QUESTION = "dev-0114"


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


@cache
def _dev() -> list[corpus.Question]:
    return [q for q in corpus.load_questions("dev", ["lookup", "unanswerable"]) if q.followup is None]


def _first_question() -> corpus.Question:
    return next(q for q in _dev() if q.id == FIRST_QUESTION)


@exercise("00.1")
def _(answer: Any) -> str | None:
    contracts = corpus.load_documents("dev", kinds=("contract",))
    if answer == len(contracts):
        return None
    if answer == len(corpus.load_documents("dev", kinds=("contract", "amendment"))):
        return "That counts the amendments too: give kinds=('contract',)."
    return "Count the documents of corpus.load_documents('dev', kinds=('contract',))."


@exercise("00.2")
def _(answer: Any) -> str | None:
    if not isinstance(answer, str):
        return "Give the text of the reply: pipeline.ask(...).reply."
    record = next(r for r in corpus.contract_records() if r["id"] == FIRST_CONTRACT)
    interest = next(c for c in record["clauses"] if c["category"] == "late_interest")
    if metrics.exact_match(parse_answer(answer).text, [interest["value"], *interest["aliases"]]):
        return None
    return "That is not the interest of this contract. Ask in other words, for example what is due on late payments."


@exercise("00.3")
def _(answer: Any) -> str | None:
    evidence = _first_question().evidence[0]
    return None if int(answer) == evidence.end - evidence.start else "A span ends before `end`: subtract its start."


@exercise("01.1")
def _(answer: Any) -> str | None:
    if str(answer) == "USD 2,000,000":
        return "That is the same text: change letters or signs, but not what it says."
    if metrics.exact_match(str(answer), ["USD 2,000,000"]):
        return None
    return "It does not count as equal. Case, articles and thousands separators do not matter; words and digits do."


@exercise("01.2")
def _(answer: Any) -> str | None:
    expected = _mean_recall(20)
    if abs(float(answer) - expected) < 0.005:
        return None
    if abs(float(answer) - _mean_recall(5)) < 0.005:
        return "That is the recall at 5: retrieve 20 chunks, and give k=20 to metrics.score_retrieval."
    return "Average recall_at_k over the questions whose score is not None."


@cache
def _mean_recall(k: int) -> float:
    from labkit import models

    index = rag.VectorIndex(rag.chunk(corpus.load_documents(), tokens=128), models.load_embedder())
    hits = index.retrieve([q.question for q in _dev()], top_k=k)
    spans = [[rag.span_of(h.node) for h in found] for found in hits]
    sizes = [[1] * len(found) for found in hits]
    scores = [s.recall_at_k for s in metrics.score_retrieval(_dev(), spans, sizes, k=k) if s is not None]
    return sum(scores) / len(scores)


@exercise("01.3")
def _(answer: Any) -> str | None:
    from labkit import models

    question = _first_question()
    own = [d for d in corpus.load_documents() if d.id == question.documents[0]]
    index = rag.VectorIndex(rag.chunk(own, tokens=128), models.load_embedder())
    hits = index.retrieve([question.question], top_k=5)[0]
    score = metrics.score_retrieval([question], [[rag.span_of(h.node) for h in hits]], [[1] * len(hits)], k=5)[0]
    if score is not None and abs(float(answer) - score.recall_at_k) < 0.005:
        return None
    return "Chunk only the document whose id is question.documents[0], retrieve five chunks, and score them with k=5."


# ------------------------------------------------------------------------------- lessons 02 to 04


@cache
def _asked() -> list[corpus.Question]:
    questions = [q for q in corpus.load_questions("dev") if q.followup is None]
    return bench.sample(questions, {"lookup": 1, "unanswerable": 1})


@cache
def _lookups() -> list[corpus.Question]:
    questions = [q for q in corpus.load_questions("dev") if q.followup is None]
    drawn = bench.sample(questions, {"lookup": 3, "amended": 2, "compare": 2, "multihop": 1})
    return [q for q in drawn if q.task == "lookup"]


def _documents() -> list[corpus.Document]:
    return corpus.load_documents("dev")


@cache
def _clauses() -> Any:
    """Clauses of the dev archive with headers."""
    return rag.clauses_with_headers(_documents())


@cache
def _dense(joined: bool = False) -> rag.VectorIndex:
    from labkit import models

    return rag.VectorIndex(_clauses(), models.load_embedder(shipped=paths.vectors()), joined=joined)


@cache
def _words() -> rag.BM25Index:
    return rag.BM25Index(_clauses())


@cache
def _hybrid() -> rag.Hybrid:
    return rag.Hybrid([_dense(), _words()])


@cache
def _tuned() -> Any:
    """The tuned embedder that comes with the course."""
    from labkit import models

    return models.load_tuned_embedder(paths.adapter("embedder"))


@cache
def _tuned_index() -> rag.VectorIndex:
    return rag.VectorIndex(_clauses(), _tuned())


def _recall(
    questions: list[corpus.Question], retriever: Any, *post: Any, metric: str = f"evidence_recall_{bench.BUDGET}"
) -> float:
    """Mean recall of a pipeline that only retrieves."""
    from labkit import models

    pipeline = rag.Pipeline(retriever, models.load_generator(), post=post)
    return bench.mean(bench.measure("", questions, pipeline, answer=False), metric).value


def _near(answer: Any, expected: float, tolerance: float = 0.005) -> bool:
    return abs(float(answer) - expected) < tolerance


@exercise("02.1")
def _(answer: Any) -> str | None:
    spans = [rag.span_of(c) for c in rag.chunk(_documents(), tokens=48)]
    evidence = [e for q in _asked() for e in q.evidence]
    whole = sum(any(s.overlap(e) == e.end - e.start for s in spans) for e in evidence)
    return None if _near(answer, whole / len(evidence)) else "Cut with tokens=48, then `described` tells the share."


@exercise("02.2")
def _(answer: Any) -> str | None:
    lookups = [q for q in _asked() if q.task == "lookup"]
    if _near(answer, _recall(lookups, _dense(joined=True))):
        return None
    if _near(answer, _recall(lookups, _dense())):
        return "That is the figure of headers and clauses embedded apart: leave out joined=False."
    return (
        "Index the clauses with headers by rag.VectorIndex(headed, embedder), and average over the lookups of `asked`."
    )


@exercise("02.3")
def _(answer: Any) -> str | None:
    question = [q for q in corpus.load_questions("dev") if q.followup][4]
    if not isinstance(answer, str) or not answer.strip().endswith("?"):
        return "Write a question as a text, with its question mark."
    assert question.followup is not None
    if any(answer.strip() == turn["content"].strip() for turn in question.followup["history"]):
        return "That is the earlier question, which asks for something else: ask what the follow-up asks."
    hits = _dense().retrieve([str(answer)], top_k=5)[0]
    if any(metrics.covers(rag.span_of(h.node), e) for h in hits for e in question.evidence):
        return None
    return "The evidence is not among the first five: name the contract as the earlier question does."


@exercise("03.1")
def _(answer: Any) -> str | None:
    return None if _near(answer, 1 / 62 + 1 / 65, 5e-5) else "Add 1 / (60 + rank) over both lists, with ranks 2 and 5."


@exercise("03.2")
def _(answer: Any) -> str | None:
    from labkit import models

    router = rag.Router(rag.document_headers(_documents()), models.load_embedder(shipped=paths.vectors()), keep=1)
    if _near(answer, _recall(_lookups(), rag.Routed(_hybrid(), router))):
        return None
    return "Use rag.Routed(hybrid, rag.Router(headers, embedder, keep=1)), and average over the lookups of `many`."


@exercise("03.3")
def _(answer: Any) -> str | None:
    question = next((q for q in _lookups() if q.id == answer), None)
    if question is None:
        return "Give the id of a lookup of `many`, such as the one of lookups[0].id."
    evidence = question.evidence[0]
    dense, words = (
        any(metrics.covers(rag.span_of(hit.node), evidence) for hit in found[0])
        for found in (
            _dense().retrieve([question.question], 5),
            _words().retrieve([question.question], 5),
        )
    )
    if words and not dense:
        return None
    return (
        "The dense search finds it too."
        if words
        else "BM25 does not find it: compare found('BM25') and found('dense')."
    )


@exercise("04.1")
def _(answer: Any) -> str | None:
    from labkit import models
    from labkit.rag.pipeline import prompt_tokens

    short = [rag.First(3, rag.Compress(_tuned(), share=0.25))]
    pipeline = rag.Pipeline(_tuned_index(), models.load_generator(), post=short, top_k=3)
    lengths = prompt_tokens(pipeline, [q.question for q in _asked()])
    if _near(answer, sum(lengths) / len(lengths), 0.5):
        return None
    return "Measure tuned_index with post=[rag.First(3, rag.Compress(tuned, share=0.25))], and look up prompt_tokens."


@exercise("04.2")
def _(answer: Any) -> str | None:
    deep, shallow = (
        _recall(_asked(), _hybrid(), rag.EmbedderRerank(_tuned(), depth=depth), metric=f"recall_at_{bench.K}")
        for depth in (20, 5)
    )
    if _near(answer, deep):
        return None
    if _near(answer, shallow):
        return "That is the figure of depth 5: give depth=20 to rag.EmbedderRerank."
    return "Measure hybrid with post=[rag.EmbedderRerank(tuned, depth=20)] and answer=False; bench.mean gives the mean."


@exercise("04.3")
def _(answer: Any) -> str | None:
    from labkit import models

    question = next((q for q in _asked() if q.id == answer), None)
    if question is None:
        return "Give the id of a question of `asked`: the error browser shows them."
    pipeline = rag.Pipeline(_tuned_index(), models.load_generator(), top_k=3)
    box = bench.measure("", [question], pipeline).outcomes()[0]
    return None if box in ("misread", "refused wrongly", "wrong version") else f"That question is in the box {box!r}."


@cache
def _desk(perfect: bool = False, floor: float | None = None) -> rag.ToolPipeline:
    """The look-up of lessons 05 and 06, over the course's triples or over the gold ones."""
    from labkit import models

    triples = rag.gold_triples(_documents()) if perfect else None
    desk = bench.build_systems(_documents(), models.load_generator(), triples).lookup
    return desk if floor is None else replace(desk, floor=floor)


@exercise("05.1")
def _(answer: Any) -> str | None:
    top = _desk().graph.group("Larkspur Foundry B.V.")[-1]
    return (
        None if str(answer).strip() == top else "graph.group lists the chain from the company upwards: take its last."
    )


@exercise("05.2")
def _(answer: Any) -> str | None:
    questions = corpus.load_questions("dev", "multihop")
    if _near(answer, bench.mean(bench.measure("", questions, _desk(perfect=True)), "exact_match").value):
        return None
    return "Build graph, retriever, intents, references and desk anew from rag.gold_triples(documents)."


@exercise("05.3")
def _(answer: Any) -> str | None:
    rows = bench.triple_scores(_desk().graph, corpus.gold_facts(_documents()))
    clauses = rows[rows.relation.isin(corpus.clause_relations()) & (rows.gold >= 10)]
    if str(answer).strip() in set(clauses[clauses.recall == clauses.recall.min()].relation):
        return None
    return (
        "Keep the rows of scores whose relation is in corpus.clause_relations() and gold is 10 or more; sort by recall."
    )


@exercise("06.1")
def _(answer: Any) -> str | None:
    graph = _desk().graph
    made = rag.matrix(graph, graph.contracts("Quillhaven S.A."), corpus.clause_relations())
    amended = sum(any(held.replaced for held in row.values()) for row in made.values())
    return (
        None
        if _near(answer, amended, 0.1)
        else "rag.matrix gives the values in force; count rows where one has `replaced`."
    )


@exercise("06.2")
def _(answer: Any) -> str | None:
    from labkit.values import Quantity, difference, parse_quantity

    apart = difference(parse_quantity("eighteen months"), parse_quantity("two (2) years"))  # type: ignore[arg-type]
    given = parse_quantity(str(answer))
    if given is not None and apart is not None and difference(given, apart) == Quantity(0, given.unit):
        return None
    return "Give difference(...) of the two quantities, parsed with parse_quantity, as a text such as '5 days'."


@exercise("06.3")
def _(answer: Any) -> str | None:
    tasks = ("compare", "amended", "list")
    asked = bench.sample(corpus.load_questions("dev", tasks), {"compare": 1, "amended": 3, "list": 2})
    if _near(answer, bench.mean(bench.measure("", asked, _desk(floor=0.5)), "exact_match").value):
        return None
    return (
        "Measure rag.ToolPipeline(retriever, references, retriever.understand, rag.GraphLookupTool(graph), floor=0.5) "
        "over asked."
    )


# ------------------------------------------------------------------------------------ appendix A1


def _shipped(name: str) -> Any:
    """A JSON file beside the reader's weights."""
    return json.loads((paths.reader() / name).read_text(encoding="utf-8"))


@exercise("A1.1")
def _(answer: Any) -> str | None:
    config = _shipped("config.json")
    if int(answer) == config["vocab_size"] * config["hidden_size"]:
        return None
    return "Each token of the vocabulary has one vector of the hidden size: multiply vocab_size and hidden_size."


@exercise("A1.2")
def _(answer: Any) -> str | None:
    last: dict[int, int] = {}
    for line in (paths.reader() / "training_log.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        last[row.get("sitting", 1)] = row["tokens"]
    if abs(float(answer) - sum(last.values()) / 1e6) < 0.1:
        return None
    return "`tokens` counts up within a sitting: add the last count of each sitting, and divide by a million."


@exercise("A1.3")
def _(answer: Any) -> str | None:
    cells = _shipped("evaluation.json")["held-out worlds"]
    five, one = (cells[f"answer, {n} passages, known"]["exact_match"]["value"] for n in (5, 1))
    if abs(float(answer) - (five - one)) < 0.001:
        return None
    return "Take report['held-out worlds']['answer, 5 passages, known']['exact_match']['value'], and the same for 1."


@exercise("A1.4")
def _(answer: Any) -> str | None:
    rows = {row["wordings"]: row for row in _shipped("breadth.json")["rows"]}
    if abs(float(answer) - (rows[16]["both"]["value"] - rows[1]["both"]["value"])) < 0.001:
        return None
    return "Take row['both']['value'] of the row with 16 wordings, and subtract that of the row with 1."
