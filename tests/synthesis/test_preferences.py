"""What lesson 09 is made of: prompts with and without their passage, judges measured, replies of trained arms."""

from __future__ import annotations

import json
import lzma
import pickle
from dataclasses import replace

import pytest
from synthesis import finetuning
from synthesis import preferences as making
from tiny_model import tiny_folder

from labkit import corpus, feedback, metrics, models, paths, prompts, tune
from labkit.corpus import Question
from labkit.judge import Rated
from labkit.prompts import REFUSAL, Passage
from labkit.rag import TaskPrompt

PAGE = (Passage("Lease", "Rent is due within 30 days."),)


class Found:
    """An index that finds the evidence of each question, and a passage of the same document elsewhere."""

    def __init__(self, documents):
        self.documents = {d.id: d for d in documents}
        self.asked = {q.question: q for q in corpus.load_questions("train")}

    def retrieve(self, questions, top_k):
        return [[Hit(span) for span in self.spans(self.asked[q])] for q in questions]

    def spans(self, question):
        document = self.documents[(question.documents or tuple(self.documents))[0]]
        return [*question.evidence, corpus.Span(document.id, 0, 10), corpus.Span(document.id, 10, 20)]


class Hit:
    def __init__(self, span):
        self.node = span


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(making, "EACH", 6)
    monkeypatch.setattr(making, "tuned_index", Found)
    monkeypatch.setattr(making.rag, "span_of", lambda span: span)


def test_prompts_hold_the_passage_that_answers_or_a_refusal_is_right(few):
    made = making.asked()
    assert len({p.question.id for p in made}) == len(made) == 18
    questions = {q.id: q for q in corpus.load_questions("train")}
    answered = [p for p in made if p.question.answer]
    assert len(answered) == 6 and sum(questions[p.question.id].answer is not None for p in made) == 12
    for prompt in made:
        evidence = questions[prompt.question.id].evidence
        held = [any(metrics.covers(place, e) for place in prompt.places) for e in evidence]
        assert all(held) if prompt.question.answer else not any(held)
        assert prompt.reply == (prompt.question.answer or REFUSAL) and 1 <= len(prompt.places) <= 3
    assert [p.question.id for p in making.asked()] == [p.question.id for p in made]


class Writer:
    def generate(self, chats):
        return ["30 days [1]"] * len(chats)

    def sample(self, chats, count, temperature, seed):
        return [["30 days [2]", REFUSAL, "40 days", REFUSAL]] * len(chats)


def test_the_greedy_reply_is_compared_with_those_that_say_something_else(few):
    comparisons = making.compared(making.asked()[:8], Writer())
    assert len({c.id for c in comparisons}) == len(comparisons) == 16
    for comparison in comparisons:
        greedy = comparison.sources.index("greedy")
        assert comparison.answers[greedy] == "30 days [1]"
        assert comparison.answers[1 - greedy] in (REFUSAL, "40 days")
    assert len({c.sources for c in comparisons}) == 2


def test_a_refusal_is_compared_where_the_model_wrote_none(few, monkeypatch):
    drawn = ["30 days [2]", "40 days", "50 days", "60 days", "70 days"]
    monkeypatch.setattr(Writer, "sample", lambda self, chats, *_: [drawn] * len(chats))
    [asked, *_] = making.asked()
    against = [c.answers[1 - c.sources.index("greedy")] for c in making.compared([asked], Writer())]
    assert sorted(against) == ["40 days", "50 days", "60 days", REFUSAL]
    monkeypatch.setattr(Writer, "sample", lambda self, chats, *_: [[*drawn, REFUSAL]] * len(chats))
    comparisons = making.compared([asked], Writer())
    assert len(comparisons) == 3 and sum(REFUSAL in c.answers for c in comparisons) == 1
    monkeypatch.setattr(Writer, "generate", lambda self, chats: [REFUSAL] * len(chats))
    assert all(c.answers.count(REFUSAL) == 1 for c in making.compared([asked], Writer()))


def question(number: str, answer: str | None) -> TaskPrompt:
    asked = Question(
        id=number, task="lookup", question="When is the rent due?", answer=answer, aliases=(), items=(), fields={},
        evidence=(), documents=(number,), category="rent", wording="w", reference=None, half=None, stratum="known",
        ambiguous=False, split="train",
    )  # fmt: skip
    return TaskPrompt(asked, (), answer or REFUSAL)


def comparison(number: str, *answers: str) -> feedback.Comparison:
    return feedback.Comparison(number, "When is the rent due?", PAGE, answers)


def test_a_judge_is_measured_where_gold_decides_and_its_love_of_length_where_it_does_not():
    comparisons = [comparison(f"q{i}/0", "30 days", REFUSAL) for i in range(6)]
    gold = {c.id: question(c.id[:2], "30 days" if i < 4 else None) for i, c in enumerate(comparisons)}
    equal = [comparison(f"e{i}/0", "50 days", "sixty long days") for i in range(4)]
    gold |= {c.id: question(c.id[:2], "30 days") for c in equal}

    def longest(rows):
        return ["A" if len(a) > len(b) else "B" for *_, a, b in rows]

    every = [*comparisons, *equal]
    report = making.measured(feedback.both_orders(longest, every), every, gold)
    assert (report["gold decides"], report["judge decides of these"]) == (6, 6)
    assert report["agreement"]["value"] == pytest.approx(2 / 6) and report["agreement"]["clusters"] == 6
    assert report["agreement where it is right to answer"]["value"] == 0
    assert report["agreement where it is right to refuse"]["value"] == 1
    assert report["prefers the longer"]["value"] == 1 and report["orders"]["same"] == 10
    assert making.net(report) == pytest.approx(-2)
    silent = making.measured(feedback.both_orders(lambda rows: [None] * len(rows), every), every, gold)
    assert silent["agreement"] is None and making.net(silent) == 0


def test_as_many_refusals_as_answers_are_learned_from():
    comparisons = [comparison(f"c{i}", "30 days", REFUSAL) for i in range(9)]
    verdicts = ["first"] * 5 + ["second"] * 3 + ["tie"]
    judged = [feedback.Judgement(c.id, "j", v) for c, v in zip(comparisons, verdicts, strict=True)]
    assert [j.comparison for j in making.balanced(comparisons, judged, 100)] == ["c5", "c6", "c7", "c0", "c1", "c2"]
    assert [j.comparison for j in making.balanced(comparisons, judged, 4)] == ["c5", "c6", "c0", "c1"]
    chat = ({"role": "user", "content": "q"},)
    rows = [Rated(chat, "a", True), Rated(chat, "a", True), Rated(chat, "b", True), Rated(chat, "b", False)]
    assert making.once(rows) == rows[:1]


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "shipped_results", lambda: tmp_path / "results")
    (tmp_path / "results").mkdir()
    return tmp_path / "results" / making.FOLDER


@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_an_arm_is_trained_once_asked_and_put_into_the_course(tmp_path, monkeypatch, shipped, method):
    tiny = models.load_generator(tiny_folder(tmp_path / "model"), dtype="fp32")
    dev = [q for q in corpus.load_questions("dev") if q.task == "lookup" and q.followup is None][:2]
    asked = [TaskPrompt(q, tuple(prompts.closed_book_messages(q.question)), q.answer) for q in dev]
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / finetuning.INPUTS).write_bytes(pickle.dumps(({}, dict.fromkeys(making.SETS, asked))))
    comparisons = [replace(comparison(f"c{i}", "30 days", REFUSAL), question=f"What of rent {i}?", messages=None)
                   for i in range(4)]  # fmt: skip
    judged = [feedback.Judgement(c.id, "j", v) for c, v in zip(comparisons, ["first", "second"] * 2, strict=True)]
    making._arm(method, judged, comparisons, folder, tiny)
    notes = json.loads((shipped / f"{method}-lr0.0005-s0.json").read_text())
    assert (notes["arm"]["method"], notes["arm"]["label"]) == (method, method.upper())
    assert notes["arm"]["beta"] == 0.1
    assert (
        notes["training"]["examples"] == {"dpo": 4, "kto": 8}[method]
        and "rewards/margins" in notes["training"]["measured"]
    )
    assert abs(notes["drift"]["log_ratio"]) < 1 and notes["drift"]["replies"] == 2
    packed = lzma.decompress((shipped / f"{method}-lr0.0005-s0.jsonl.xz").read_bytes()).decode()
    assert [json.loads(line)[:2] for line in packed.splitlines()] == [[s, q.id] for s in making.SETS for q in dev]
    monkeypatch.setattr(tune, "train_dpo", None)
    monkeypatch.setattr(tune, "train_kto", None)
    making._arm(method, judged, comparisons, folder, tiny)


def test_what_is_shipped_can_be_put_into_a_store(tmp_path, monkeypatch, shipped, few):
    monkeypatch.setattr(models, "load_tuned", lambda folder: Writer())
    monkeypatch.setattr(making, "_arm", lambda *_: None)

    def careful(rows):
        return ["A" if a == REFUSAL else "B" if b == REFUSAL else None for *_, a, b in rows]

    monkeypatch.setattr(making, "judges", lambda sft: {"careful": careful, "left": lambda rows: ["A"] * len(rows)})
    monkeypatch.setattr(making, "TRIED", 20)
    making.main(tmp_path / "out")
    reports = json.loads((shipped / "judges.json").read_text())
    assert reports["chosen"] == "careful" and reports["judges"]["left"]["orders"]["left"] == 20
    rows = lzma.decompress((shipped / "judged.jsonl.xz").read_bytes())
    (tmp_path / "judged.jsonl").write_bytes(rows)
    store = feedback.Store(tmp_path / "store.db")
    store.import_jsonl(tmp_path / "judged.jsonl")
    assert len(store.comparisons()) == len(store.judgements("careful")) == 36
    assert {j.verdict for j in store.judgements("left")} == {"tie"}
    orders = lzma.decompress((shipped / "orders.jsonl.xz").read_bytes()).decode().splitlines()
    assert len(orders) == 2 * (36 + 20)
