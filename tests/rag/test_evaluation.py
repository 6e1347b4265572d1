"""Evaluation: a pipeline's scores, error categories, the course's tasks, the references above and below."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache, partial

import pytest
from small import CLAUSES, FEW, PAPERS, TERM_DOCUMENTS, Copying, hosting_question, term_question, two_questions

from labkit import corpus, metrics, prompts, rag
from labkit.corpus import Document, Span
from labkit.rag import pipeline

TASKS = ["lookup", "compare", "multihop", "amended", "classify", "unanswerable", "list", "draft", "summarise"]
dev = cache(partial(corpus.load_questions, "dev"))


@pytest.fixture
def answered():
    """A question, and what a pipeline did with it."""
    asked = term_question("alder")
    return asked, rag.Pipeline(rag.BM25Index(rag.chunk(TERM_DOCUMENTS)), Copying(), top_k=2).ask(asked.question)


@pytest.mark.parametrize(("kept", "found"), [(None, 1), ([[0, 20]], 1), ([[36, 60]], 0)])
def test_of_a_compressed_chunk_only_what_is_left_counts(answered, kept, found):
    asked, result = answered
    hit = result.retrieved[0].model_copy(deep=True)
    if kept:
        hit.node.metadata["kept"] = kept
    assert rag.places_of(hit.node) == ([Span("alder", *kept[0])] if kept else [rag.span_of(hit.node)])
    shortened = replace(result, retrieved=(hit,), used=1)
    [score] = rag.score_retrieval([asked], [shortened])
    assert (score.evidence_recall, score.recall_at_k, score.mrr) == (found, found, found)
    assert rag.evidence_in_prompt([asked], [shortened]) == [found]
    assert rag.evidence_in_prompt([asked], [replace(shortened, used=0)]) == [0]
    assert rag.score([asked], [shortened])[0].citation == found
    assert rag.precision([asked], [shortened])[0] == pytest.approx(
        {None: 20 / len(hit.node.text), 20: 1, 60: 0}[kept and kept[0][1]]
    )


@pytest.mark.parametrize(
    ("reply", "chunk", "answer", "expected"),
    [
        ("Oslo [1]", "servers", "Oslo", "right"),
        ("Rome [1]", "servers", "Oslo", "misread"),
        ("I don't know.", "servers", "Oslo", "refused wrongly"),
        ("Oslo or so [1]", "Backups", "Oslo", "evidence not retrieved"),
        ("900 [1]", "rent", "Oslo", "wrong document"),
        ("Oslo [1]", "servers", None, "should have refused"),
    ],
)
def test_every_wrong_answer_has_an_error_category(index, reply, chunk, answer, expected):
    node = next(c for c in rag.chunk(PAPERS, tokens=9) if chunk in c.text)
    hit = rag.retrieval.NodeWithScore(node=node, score=1.0)
    result = pipeline.Result("q", (hit,), 1, reply, pipeline.parse_answer(reply), 9)
    question = hosting_question(answer=answer, evidence=(Span("hosting", 0, 25),) if answer else ())
    assert rag.error_category(question, result, *rag.score([question], [result])) == expected
    assert expected in rag.ERROR_CATEGORIES


def test_an_answer_of_the_superseded_contract_is_the_wrong_version(index):
    hits = []
    for name in ("C1", "C1-A1"):
        [node] = rag.chunk([Document(name, name, "The term is 5 years.")])
        hits.append(rag.retrieval.NodeWithScore(node=node, score=1.0))
    question = hosting_question(answer="7 years", evidence=(Span("C1-A1", 0, 20),), documents=("C1",))
    result = pipeline.Result("q", tuple(hits), 2, "5 years [1]", pipeline.parse_answer("5 years [1]"), 9)
    assert rag.error_category(question, result, *rag.score([question], [result])) == "wrong version"


@pytest.fixture(scope="module")
def prompt():
    return partial(rag.task_prompt, documents=corpus.load_documents(), contracts=corpus.contract_records())


def passages(made: rag.TaskPrompt) -> list[str]:
    """The numbered passages of a prompt, in order."""
    text = made.messages[-1]["content"].rpartition("\n\nQuestion:")[0]
    return re.split(r"(?:^|\n\n)\[\d+\] ", text)[1:]


@pytest.mark.parametrize("task", TASKS)
def test_the_reply_wanted_scores_1(prompt, task):
    for made in map(prompt, dev(task)[::2]):
        score = rag.score_task(made, made.reply)
        assert (score.exact_match, score.token_f1) == (1.0, 1.0), made.reply
        assert score.citation in (1.0, None)
        assert (score.citation == 1.0) is (bool(made.places) and task != "unanswerable")
        assert rag.score_task(made, "Perhaps a zebra [9]").exact_match == 0.0
        assert made.new_tokens == {"summarise": 200, "draft": 160, "list": 96}.get(task, 40)


def test_the_gold_passage_moves_and_the_citation_follows(prompt):
    quoted = {d.id: d.text for d in corpus.load_documents()}
    for question in dev("lookup")[::6]:
        (evidence,) = question.evidence
        anywhere = prompt(question)
        assert prompt(question) == anywhere
        for number, position in enumerate(rag.POSITIONS, 1):
            made = prompt(question, gold_at=position)
            assert made.reply == f"{question.answer} [{number}]"
            assert quoted[evidence.document][evidence.start : evidence.end] in passages(made)[number - 1]
            assert [metrics.covers(place, evidence) for place in made.places].index(True) == number - 1
            assert sorted(passages(made)) == sorted(passages(anywhere)) and len(made.places) == 3
            assert rag.score_task(made, f"{question.answer} [{number % 3 + 1}]").citation == 0.0
            assert rag.score_task(made, f"{question.answer} [0]").citation == 0.0


def test_several_gold_passages_stay_together(prompt):
    question = next(q for q in dev("multihop") if prompt(q).reply.count("[") == 2)
    ends = [prompt(question, gold_at=position).reply[-7:] for position in rag.POSITIONS]
    assert ends == ["[1] [2]", "[2] [3]", "[3] [4]"]


def test_an_unknown_position_is_refused(prompt):
    with pytest.raises(ValueError, match="'end': choose one of first, middle, last"):
        prompt(dev("lookup")[0], gold_at="end")


def test_a_wrong_rating_or_category_is_wrong(prompt):
    both = 0
    for made in map(prompt, dev("classify")):
        name, _, rating = made.reply.rpartition(", ")
        for other in {"low", "medium", "high"} - set(made.question.fields["rating"]):
            assert rag.score_task(made, f"{name}, {other}").exact_match == 0.0
        assert rag.score_task(made, name).exact_match == 0.0
        if "category" in made.question.fields:
            both += 1
            score = rag.score_task(made, f"Zebras, {rating}")
            assert (score.exact_match, score.token_f1) == (0.0, 0.5)
    assert both


def test_a_clause_is_rated_by_the_rule_among_others(prompt):
    made = prompt(dev("classify")[0])
    text = made.messages[-1]["content"]
    assert made.messages[0]["content"] == prompts.INSTRUCTIONS["classify"] and made.places == ()
    assert [f"[{i}] " in text for i in (1, 2, 3, 4)] == [True, True, True, False]
    assert made.reply.rpartition(", ")[0] in text


def test_a_term_sheet_is_asked_with_its_guide_and_the_rule_of_its_rating(prompt):
    made = prompt(dev("summarise")[0])
    text = made.messages[-1]["content"]
    assert "Liability cap\n" in text and re.search(r"Guide:\n1\. .*\n2\. ", text)
    guide = rag.term_sheet_guide(corpus.load_documents(kinds=["playbook"])[0])
    assert text.endswith(guide) and len(guide.splitlines()) == 9


def test_the_oracle_gives_the_gold_paragraph_among_distractors():
    passages, spans = rag.oracle_passages(hosting_question(), PAPERS, CLAUSES)
    gold = [i for i, s in enumerate(spans) if s.document == "hosting"]
    assert len(passages) == 3 and len(gold) == 1 and "Oslo" in passages[gold[0]].text
    assert {s.document for s in spans} == {"hosting", "lease", "supply"}
    assert rag.oracle_passages(hosting_question(), PAPERS, CLAUSES)[1] == spans
    orders = {rag.oracle_passages(hosting_question(), PAPERS, CLAUSES, seed=s)[1][0] for s in range(20)}
    assert len(orders) == 3


def test_the_oracle_of_an_unanswerable_question_holds_another_clause_of_the_contract():
    question = hosting_question(answer=None, evidence=())
    _, spans = rag.oracle_passages(question, PAPERS, CLAUSES)
    assert Span("hosting", 0, 25) in spans and len(spans) == 3


def test_the_oracle_gives_the_gold_passage_and_random_context_never():
    questions = two_questions()
    for known, same in ((rag.oracle, True), (rag.random_context, False)):
        retriever = known(questions, PAPERS, FEW, distractors=0)
        for question, hits in zip(questions, retriever.retrieve(["Where?", "When?"]), strict=True):
            held = {h.node.metadata["document"] for h in hits}
            assert (held == set(question.documents)) is same and len(hits) == 1
    apart = {"hosting": ["place", "time"], "supply": ["time", "place"]}
    both = [{**c, "clauses": [{**c["clauses"][0], "category": k} for k in apart[c["id"]]]} for c in FEW]
    for question, hits in zip(
        questions, rag.random_context(questions, PAPERS, both).retrieve(["Where?", "When?"]), strict=True
    ):
        assert not any(rag.span_of(h.node).overlap(question.evidence[0]) for h in hits)
    with pytest.raises(ValueError, match="No passages are known"):
        rag.oracle(questions, PAPERS, FEW).retrieve(["Who?"])
    with pytest.raises(ValueError, match="two contracts"):
        rag.random_context(questions[:1], PAPERS, FEW)
