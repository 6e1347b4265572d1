import numpy as np
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
        ("10-20", ["10 20"], 0),
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


def ones(texts):
    return [(a, b) for i, a in enumerate(texts) for b in texts[i + 1 :]]


@pytest.mark.parametrize(
    ("one", "other"),
    [pair for texts in (
        ["15 percent", "15%", "15 per cent", "fifteen percent"], ["1.50", "1.5", "one and a half"],
        ["USD 1,000.00", "USD 1,000", "US$1000", "one thousand US dollars"],
        ["12 months", "twelve (12) months", "1 year"], ["10\N{EN DASH}20", "10-20", "10 to 20"],
        ["1 May 2024", "2024-05-01", "May 1st, 2024", "the 1st day of May 2024"],
        ["\N{LEFT DOUBLE QUOTATION MARK}Net\N{RIGHT DOUBLE QUOTATION MARK} price", '"Net" price', "'Net' price"],
        ["M\u00fcller & Co", "Mu\u0308ller & Co", "M\u00fcller and Co."], ["Elm S.p.A.", "Elm SpA"],
        ["forty (40) users", "40 users"], ["at least thirty days", "30 days or more", ">= 30 days"],
        ["5% of USD 1,000", "five percent of USD 1000.00"], ["The Lease", "the lease", "Lease."], ["", " "],
    ) for pair in ones(texts)],
)  # fmt: skip
def test_answers_are_equal_when_they_say_the_same(one, other):
    assert metrics.exact_match(one, [other]) == metrics.exact_match(other, [one]) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("> 30 days", "< 30 days"), ("Schedule A", "Schedule"), ("Schedule A", "Schedule B"), ("C#", "C"), ("C++", "C"),
     ("A-frame", "frame"),
     ("-USD 5", "USD 5"), ("Class A shares", "Class shares"), (".NET", "NET"), ("clause 7.10", "clause 7.1"),
     ("24/7", "247"), ("at least 30 days", "30 days"), ("up to 5%", "5%"), ("$5", "USD 5"), ("USD 5", "EUR 5"),
     ("10-20", "1020"), ("03/04/2024", "3 April 2024"), ("USD 10 per day", "USD 10 per week"), ("5 %", "5"), ("-", ""),
     ("5% of USD 100", "5% of USD 200"), ("x > y", "x < y"), ("30 days", "30 business days")],
)  # fmt: skip
def test_signs_letters_and_symbols_carry_meaning(one, other):
    assert metrics.exact_match(one, [other]) == metrics.exact_match(other, [one]) == 0


def test_token_f1_takes_the_best_spelling_and_knows_values():
    assert metrics.token_f1("forty-five days", ["45 days"]) == 1
    assert metrics.token_f1("45 days after delivery", ["45 days", "forty-five (45) days"]) == pytest.approx(2 / 3)
    assert metrics.token_f1("nothing alike", ["45 days"]) == 0


@pytest.mark.parametrize(
    ("answer", "items", "wanted"),
    [
        ("USD 1,000; USD 2,000", [["USD 1,000"], ["USD 2,000"]], 1),
        ("USD 1,000, USD 2,000 and EUR 3", [["USD 1,000.00"], ["USD 2000"], ["EUR 3"]], 1),
        ("1,000,000; 2,000", [["1,000,000"], ["2,000"]], 1),
        ("30 days; 1,000 units", [["thirty days"], ["1000 units"]], 1),
        ("- Alva\n- Bero", [["Alva"], ["Bero"]], 1),
        ("USD 1,000; USD 2,001", [["USD 1,000"], ["USD 2,000"]], 0.5),
    ],
)
def test_sets_with_thousands_commas(answer, items, wanted):
    assert metrics.set_f1(answer, items) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("answer", "fields", "wanted"),
    [
        ("b: x", {"a": ["-"], "b": ["x"]}, 2 / 3),
        ("b: x\nb: x\nb: x", {"b": ["x"]}, 1),
        ("a: -\nb: x", {"a": ["-"], "b": ["x"]}, 1),
        ("a:\nb: x", {"a": ["-"], "b": ["x"]}, 0.5),
        (": x\n-: y", {"a": ["x"]}, 0),
        ("Fee: USD 1,000.00", {"fee": ["USD 1000"]}, 1),
        ("", {"a": ["x"]}, 0),
    ],
)
def test_field_f1_is_at_most_one_and_nothing_is_no_value(answer, fields, wanted):
    assert metrics.field_f1(answer, fields) == pytest.approx(wanted)


NOTICE = {
    "addressee": ["Elm plc"], "contract": ["Hosting Agreement"], "date": ["3 July 2022", "2022-07-03"],
    "notice period": ["60 days", "sixty (60) days"], "deadline": ["31 December 2024"],
}  # fmt: skip
TEXT = (
    "To: Elm plc\nWe refer to the Hosting Agreement of July 3, 2022. We give sixty (60) days' notice of non-renewal. "
    "The agreement ends on 2024-12-31. Please confirm by 1 June 2024."
)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (("", ""), 1),
        (("sixty (60) days'", "two months'"), 0.8),
        (("Elm plc", "Oak plc"), 0.8),
        (("2024-12-31", "2024-12-31 or 31 March 2025"), 0.8),
        (("2024-12-31.", "2024-12-31. To repeat, it ends on 30 November 2024."), 0.8),
        (("July 3, 2022", "July 3, 2022 (3 July 2021)"), 0.8),
        (("sixty (60) days'", "60 days' (30 days')"), 0.8),
        ((TEXT, ""), 0),
    ],
)
def test_a_draft_is_scored_by_the_facts_that_it_states(change, wanted):
    text = TEXT.replace(*change) if change[0] else TEXT
    assert metrics.checklist(text, NOTICE) == pytest.approx(wanted)
    score = metrics.score_answer(make_question(task="draft", fields=NOTICE), parse_answer(text + " [1]"), EVIDENCE)
    if text:
        assert (score.token_f1, score.exact_match) == (pytest.approx(wanted), float(wanted == 1))


def test_a_checklist_needs_facts():
    with pytest.raises(ValueError, match="No facts"):
        metrics.checklist("text", {})
    with pytest.raises(ValueError, match=r"write \['Elm'\]"):
        metrics.checklist("text", {"addressee": "Elm"})


def test_evidence_in_the_prompt():
    evidence = [Span("C1", 100, 200), Span("C2", 0, 100)]
    assert metrics.evidence_in_prompt(evidence, [Span("C1", 0, 150), Span("C1", 120, 200)]) == 0.5
    assert metrics.evidence_in_prompt(evidence, [Span("C1", 0, 200), Span("C2", 50, 300)]) == 0.75
    assert metrics.evidence_in_prompt(evidence, []) == 0
    assert metrics.evidence_in_prompt([], [Span("C1", 0, 200)]) is None


@pytest.mark.parametrize("k", [0, -1, -5])
def test_no_passage_to_look_at_is_an_error(k):
    with pytest.raises(ValueError, match="at least one passage"):
        metrics.score_retrieval([make_question()], [[Span("C1", 0, 1)]], [[1]], k=k)


def score(refused, should_refuse, right=0.0):
    return metrics.AnswerScore(right, right, None if refused or should_refuse else 1.0, refused, should_refuse)


@pytest.mark.parametrize(("refused", "expected"), [(True, 2 / 3), (False, 0)])
def test_refusing_everything_or_nothing(refused, expected):
    scores = [score(refused, should) for should in [False] * 4 + [True] * 4]
    assert metrics.refusal_f1(scores, list("abcdefgh")).value == pytest.approx(expected)


def test_the_interval_of_refusal_f1_holds_it():
    rng, held = np.random.default_rng(1), 0
    names = [str(i // 10) for i in range(60)]
    for _ in range(200):
        should = rng.random(60) < 0.4
        refused = rng.random(60) < np.where(should, 0.7, 0.2)
        interval = metrics.refusal_f1([score(bool(r), bool(s)) for r, s in zip(refused, should, strict=True)], names)
        held += interval.low <= 2 * 0.28 / (0.28 + 0.12 + 0.4) <= interval.high
    assert held >= 184
