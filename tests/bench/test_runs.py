"""Systems side by side on small documents."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from small import TERM_DOCUMENTS, TERMS, Copying, term_question

from labkit import bench, rag
from labkit.models import shipped_replies


def test_a_row_for_each_system_with_every_metric(runs):
    table = bench.results_table(runs)
    assert list(table.columns) == ["name", *bench.METRICS] and len(table.columns) <= 6
    naive, words = table.to_dict("records")
    assert words["answer_accuracy"] == words["evidence_in_prompt"] == 1 and words["refused_wrongly"] == 0
    assert naive["answer_accuracy"] == 0 and math.isnan(naive["refused_rightly"])
    naive, words = ({metric: bench.mean(run, metric).value for metric in bench.DETAILS} for run in runs)
    assert words["mrr"] == words[f"recall_at_{bench.K}"] == words["token_f1"] == 1 and naive["mrr"] < 1
    length = len(TERMS["alder"])
    assert 0 < words["precision_chars"] < 20 / length
    assert set(bench.timings(runs)) == {"naive ms", "words ms"}
    assert runs[1].error_counts()["right"] == 4 and bench.error_table(runs).loc["naive", "right"] == 0
    assert bench.mean_by(runs[1], lambda q: q.task) == {"lookup": 1.0}
    with pytest.raises(KeyError, match="no metric"):
        runs[0].values("luck")


def test_answers_and_refusals_are_never_pooled(runs):
    """Beside systems that were asked what has no answer stands one that refuses everything."""
    questions = [*runs[1].questions, replace(term_question("alder"), id="none", answer=None, aliases=(), evidence=())]
    index = rag.BM25Index(rag.chunk(TERM_DOCUMENTS))
    run = bench.measure("words", questions, rag.Pipeline(index, Copying(), top_k=2))
    words, always = bench.results_table([run]).to_dict("records")
    assert (words["answer_accuracy"], words["refused_rightly"], words["refused_wrongly"]) == (1, 0, 0)
    means = [bench.mean(run, name) for name in ("answer_accuracy", "refused_rightly", "citation_accuracy")]
    assert [m.n for m in means] == [4, 1, 4] and means[0].low > 0.2 and means[2].value == 1
    assert always["name"] == "always refuses" and always["evidence_in_prompt"] == 0
    assert (always["answer_accuracy"], always["refused_rightly"], always["refused_wrongly"]) == (0, 1, 1)
    with pytest.raises(KeyError, match="no metric 'exact_match'"):
        run.values("exact_match")


def test_differences_are_paired_and_adjusted(runs):
    with pytest.raises(ValueError, match="With 4 documents"):
        bench.versus(runs)
    old, new = (
        replace(
            run,
            questions=[
                replace(q, id=f"{copy}{q.id}", documents=(f"{copy}{q.id}",)) for copy in "abc" for q in run.questions
            ],
            **{name: [*getattr(run, name)] * 3 for name in ("results", "answers", "retrieval")},
        )
        for run in runs
    )
    rows = {row["metric"]: row for row in bench.versus([old, new]).to_dict("records")}
    gained = rows["answer_accuracy"]
    # A dozen questions do not prove that the better one is always right.
    assert gained["difference"] == gained["high"] == 1 and 0.5 < gained["low"] < 0.8
    # Twelve clusters flip sign in 4,096 ways, two of which are as far from 0; Holm doubles that over two rows.
    assert gained["p"] == pytest.approx(4 / 4096) and math.isnan(gained["detectable"])
    again = bench.differences([(new, new, "answer_accuracy")]).to_dict("records")[0]
    assert again["p"] == 1 and math.isnan(again["detectable"])
    half = replace(new, answers=[*new.answers[:3], *old.answers[3:6], *new.answers[6:]])
    lost = bench.differences([(half, new, "answer_accuracy")]).to_dict("records")[0]
    assert lost["p"] >= 0.05 and 0 < lost["detectable"] < 1
    with pytest.raises(ValueError, match="no run"):
        bench.versus(runs, baseline="best")
    other = replace(runs[1], questions=[term_question("alder")] * 4)
    with pytest.raises(ValueError, match="other questions"):
        bench.versus([runs[0], other])


def test_a_sample_takes_the_same_number_from_each_contract():
    questions = [replace(term_question(name), id=f"{name}{i}") for name in TERMS for i in range(5)]
    drawn = bench.sample(questions, {"lookup": 2})
    assert [q.cluster for q in drawn] == [name for name in TERMS for _ in range(2)]
    assert drawn == bench.sample(questions, {"lookup": 2})
    with pytest.raises(ValueError, match=r"'lokup'.*choose among lookup"):
        bench.sample(questions, {"lokup": 2})


def test_looking_without_reading_measures_retrieval_alone():
    pipeline = rag.Pipeline(rag.BM25Index(rag.chunk(TERM_DOCUMENTS)), Copying(), top_k=2)
    questions = [term_question(name) for name in TERMS]
    run = bench.measure("look", questions, pipeline, answer=False)
    assert run.values("mrr") == bench.measure("read", questions, pipeline).values("mrr")
    assert run.values("answer_accuracy") == [None] * 4 and run.values("evidence_in_prompt") == [1] * 4
    assert bench.mean(run, "mrr").value == 1
    with pytest.raises(ValueError, match="without reading"):
        run.error_counts()


def test_nothing_to_measure_is_an_error(runs):
    with pytest.raises(ValueError, match="no questions"):
        bench.measure("x", [], rag.Pipeline(rag.BM25Index(rag.chunk(TERM_DOCUMENTS)), Copying()))


class _Noting(Copying):
    """Notes for each chat whether it had to be answered live."""

    def __init__(self) -> None:
        self.live: list[bool] = []

    def generate(self, chats, max_new_tokens=None, batch_size=None, progress=False):
        self.live += [shipped_replies.is_live()] * len(chats)
        return super().generate(chats)


@pytest.mark.parametrize(("live", "wanted"), [(4, 4), (0, 0), (8, 6)])
def test_the_first_questions_are_read_live_and_give_the_time(live, wanted):
    questions = [replace(term_question(name), id=f"{name}{i}") for i in range(2) for name in TERMS][:6]
    generator, index = _Noting(), rag.BM25Index(rag.chunk(TERM_DOCUMENTS))
    run = bench.measure("words", questions, rag.Pipeline(index, generator, top_k=2), live=live)
    assert generator.live == [True] * wanted + [False] * (6 - wanted)
    assert [r.question for r in run.results] == [q.question for q in questions]
    assert 0 < run.milliseconds < 60_000 and bench.timings([run]) == {"words ms": run.milliseconds}
    bench.measure("words", questions, rag.Pipeline(index, generator, top_k=2), answer=False)
    assert len(generator.live) == 6


def test_seeds_are_averaged_question_by_question(runs):
    mean = bench.averaged(runs)
    for metric in ("answer_accuracy", "token_f1", "refused_wrongly"):
        columns = list(zip(*(run.values(metric) for run in runs), strict=True))
        assert mean.values(metric) == pytest.approx([sum(column) / len(column) for column in columns])
    assert mean.results == runs[0].results and 0 < bench.mean(mean, "answer_accuracy").value < 1
    with pytest.raises(ValueError, match="same questions"):
        bench.averaged([runs[0], bench.where(runs[1], lambda q: q.id != runs[0].questions[0].id)])
    with pytest.raises(ValueError, match="same questions"):
        bench.averaged([])
    with pytest.raises(ValueError, match="without reading"):
        bench.averaged([replace(run, answers=[None] * len(run.answers)) for run in runs])
