import pytest

from labkit import metrics
from labkit.corpus import Question, Span
from labkit.replies import parse_answer

EVIDENCE = (Span("C1", 100, 200),)


def make_question(answer="45 days", evidence=EVIDENCE, **changes):
    values = dict(
        id="q1",
        task="lookup",
        question="How long?",
        answer=answer,
        aliases=("forty-five (45) days",),
        items=(),
        fields={},
        evidence=tuple(evidence),
        documents=("C1",),
        category="payment_term",
        wording="w",
        reference=None,
        half=None,
        stratum="known",
        ambiguous=False,
        split="dev",
    )
    return Question(**(values | changes))


@pytest.mark.parametrize(
    ("given", "accepted", "right"),
    [
        ("45 days", ["45 days"], 1),
        ("The 45 days.", ["45 days"], 1),
        ("USD 2,000,000", ["USD 2000000"], 1),
        ("1.5 %", ["1.5%"], 1),
        ("15%", ["1.5%"], 0),
        ("forty-five (45) days", ["45 days", "forty-five (45) days"], 1),
        ("54 days", ["45 days"], 0),
        ("", ["45 days"], 0),
        ("-5%", ["5%"], 0),
        ("-5%", ["-5 %", "5%"], 1),
        ("USD -5", ["USD 5"], 0),
        (".5%", ["5%"], 0),
        (".5%", ["0.5%"], 1),
        ("10-20", ["10 20"], 1),
        ("2020-01-02", ["2020 01 02"], 1),
        ("30-day", ["30 day"], 1),
    ],
)
def test_exact_match(given, accepted, right):
    assert metrics.exact_match(given, accepted) == right


@pytest.mark.parametrize(
    "score",
    [
        lambda: metrics.exact_match("U", "USD 2"),
        lambda: metrics.token_f1("U", "USD 2"),
        lambda: metrics.set_precision_recall("U", "USD 2"),
        lambda: metrics.set_f1("U", ["USD 2"]),
        lambda: metrics.field_f1("fee: U", {"fee": "USD 2"}),
    ],
)
def test_a_single_spelling_in_place_of_a_list_is_refused(score):
    with pytest.raises(ValueError, match=r"write \['USD 2'\]"):
        score()


def test_token_f1_takes_the_best_spelling():
    assert metrics.token_f1("forty-five days", ["45 days", "forty-five (45) days"]) == pytest.approx(6 / 7)
    assert metrics.token_f1("nothing alike", ["45 days"]) == 0


def test_set_f1():
    gold = [["Alva", "Alva Ltd"], ["Bero"]]
    assert metrics.set_f1("Alva Ltd, Bero", gold) == 1
    assert metrics.set_f1("Alva and Cero", gold) == pytest.approx(0.5)
    assert metrics.set_f1("Cero", gold) == 0
    assert metrics.set_f1("Alva, Alva Ltd, Cero", gold) == pytest.approx(0.5)


def test_set_f1_keeps_names_together():
    gold = [["Gorse and Pike", "Gorse and Pike Inc."], ["Barnes, Cole and Sons"]]
    assert metrics.set_f1("Gorse and Pike Inc. and Barnes, Cole and Sons", gold) == 1
    assert metrics.set_f1("Gorse, Pike", gold) == 0


@pytest.mark.parametrize("split", ["train", "dev"])
def test_every_gold_answer_scores_one_as_a_reply(split):
    from labkit import corpus

    for question in corpus.load_questions(split):
        reply = "I don't know." if question.answer is None else f"{question.answer} [1]"
        score = metrics.score_answer(question, parse_answer(reply), question.evidence[:1])
        assert score.exact_match == 1, (question.id, reply)
        assert score.citation == (None if question.answer is None else 1), question.id


def test_field_f1_counts_missing_and_added_fields():
    fields = {"term": ["3 years"], "law": ["Norway"]}
    assert metrics.field_f1("term: 3 years\nlaw: Norway", fields) == 1
    assert metrics.field_f1("term: 3 years", fields) == pytest.approx(2 / 3)
    assert metrics.field_f1("term: 3 years\nlaw: Norway\nfee: 5", fields) == pytest.approx(0.8)


def test_refusals_are_right_only_where_there_is_no_answer():
    refusal = parse_answer("I don't know.")
    assert metrics.score_answer(make_question(), refusal).exact_match == 0
    assert metrics.score_answer(make_question(answer=None, evidence=()), refusal).exact_match == 1
    assert metrics.score_answer(make_question(answer=None, evidence=()), parse_answer("45 days [1]")).exact_match == 0


def test_citation_needs_half_of_the_evidence():
    answer = parse_answer("45 days [1]")
    assert metrics.score_answer(make_question(), answer, [Span("C1", 0, 150)]).citation == 1
    assert metrics.score_answer(make_question(), answer, [Span("C1", 0, 140)]).citation == 0
    assert metrics.score_answer(make_question(), answer, [Span("C2", 100, 200)]).citation == 0
    assert metrics.score_answer(make_question(), answer, [Span("C1", 0, 200), Span("C2", 0, 9)]).citation == 0.5
    assert metrics.score_answer(make_question(), parse_answer("45 days"), []).citation == 0


def test_evidence_recall_respects_the_budget_and_counts_overlap_once():
    evidence = [Span("C1", 100, 200)]
    passages = [Span("C1", 0, 150), Span("C1", 120, 160), Span("C1", 160, 300)]
    assert metrics.evidence_recall(evidence, passages, [400, 400, 400], 1000) == pytest.approx(0.6)
    assert metrics.evidence_recall(evidence, passages, [400, 400, 200], 1000) == 1
    assert metrics.evidence_recall(evidence, passages, [1001, 1, 1], 1000) == 0


def test_retrieval_scores():
    question = make_question(evidence=(Span("C1", 100, 200), Span("C2", 0, 50)), documents=("C1", "C2"))
    ranked = [Span("C3", 0, 500), Span("C1", 90, 210), Span("C1", 90, 210)]
    score = metrics.score_retrieval([question], [ranked], [[10, 10, 10]], k=5)[0]
    assert score is not None
    assert (score.recall_at_k, score.mrr) == (0.5, 0.5)
    assert score.wrong_document_rate == pytest.approx(1 / 3)
    assert score.evidence_recall == pytest.approx(100 / 150)


def test_one_passage_may_hold_several_pieces():
    question = make_question(evidence=(Span("C1", 0, 10), Span("C1", 20, 30), Span("C1", 500, 510)))
    ranked = [Span("C2", 0, 9), Span("C1", 0, 100), Span("C3", 0, 9), Span("C3", 9, 20), Span("C1", 490, 520)]
    score = metrics.score_retrieval([question], [ranked], [[10] * 5], k=5)[0]
    assert score is not None and score.recall_at_k == 1 and score.mrr == 0.5
    first_two = metrics.score_retrieval([question], [ranked], [[10] * 5], k=2)[0]
    assert first_two is not None and first_two.recall_at_k == pytest.approx(2 / 3)
    best = metrics.score_retrieval([question], [[ranked[1], ranked[4]]], [[10] * 2], k=5)[0]
    assert best is not None and best.ndcg == pytest.approx(1) and 0 < score.ndcg < 1


def test_questions_without_evidence_have_no_retrieval_score():
    assert metrics.score_retrieval([make_question(answer=None, evidence=())], [[Span("C1", 0, 1)]], [[1]]) == [None]


def test_nothing_retrieved_scores_zero():
    score = metrics.score_retrieval([make_question()], [[]], [[]])[0]
    assert score is not None and score.recall_at_k == 0 and score.wrong_document_rate == 1


def test_refusal_f1():
    scores = [
        metrics.AnswerScore(1, 1, None, refused=True, should_refuse=True),
        metrics.AnswerScore(0, 0, None, refused=True, should_refuse=False),
        metrics.AnswerScore(0, 0, None, refused=False, should_refuse=True),
        metrics.AnswerScore(1, 1, 1.0, refused=False, should_refuse=False),
    ]
    assert metrics.refusal_f1(scores, list("abcd")).value == 0.5
