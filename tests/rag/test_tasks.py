"""The course's tasks with their gold passages: what is asked, what is wanted, and how a reply is scored."""

from __future__ import annotations

import re
from functools import cache, partial

import pytest

from labkit import corpus, metrics, prompts, rag

TASKS = ["lookup", "compare", "multihop", "amended", "classify", "unanswerable", "list", "draft", "summarise"]
dev = cache(partial(corpus.load_questions, "dev"))


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
