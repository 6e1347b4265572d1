"""`python -m synthesis`: what each command calls, and that its errors are one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthesis import __main__ as commands
from synthesis import adapters, results
from synthesis.archive import build
from synthesis.reader import evaluate

from labkit import paths, stats

DATA = Path(__file__).resolve().parents[2] / "data"


@pytest.fixture
def calls(monkeypatch) -> list[object]:
    """What was called, in place of minutes of work."""
    made: list[object] = []
    report = {"held-out worlds": {"answer": {"exact_match": stats.Interval(0.5, 0.25, 0.75, 4, 4)}}}
    monkeypatch.setattr(build, "main", lambda out: made.append(("build", out)))
    monkeypatch.setattr(evaluate, "evaluate", lambda model, progress: made.append(model) or report)
    monkeypatch.setattr(evaluate, "write_card", lambda folder: made.append(("card", folder)))
    monkeypatch.setattr(results, "write_questions", lambda: made.append("questions"))
    monkeypatch.setattr(results, "write_triples", lambda split: made.append(("triples", split)))
    for name in adapters.MAKERS:
        monkeypatch.setitem(adapters.MAKERS, name, made.append)
    return made


def test_each_command_does_its_work(calls, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_MODEL", "another/model")
    for given in (
        "data build",
        "questions",
        "triples",
        "triples dev",
        "adapters intents",
        "reader evaluate",
        "reader card",
    ):
        assert commands.main(given.split()) == 0
    assert commands.main(["reader", "evaluate", str(tmp_path)]) == 0
    intents = paths.adapter("intents")
    assert calls == [
        ("build", DATA), "questions", ("triples", None), ("triples", "dev"), intents, "reader",
        ("card", paths.adapter("reader")), str(tmp_path),
    ]  # fmt: skip
    assert "exact_match 0.500" in capsys.readouterr().out


def test_all_adapters_are_made_by_default(calls):
    assert commands.main(["adapters"]) == 0
    names = ("embedder", "reranker", "extractor", "sft", "raft", "intents", "minilm")
    assert calls == [paths.adapter(name) for name in names]


def test_what_cannot_be_done_is_said_in_a_sentence(capsys, tmp_path):
    assert commands.main(["adapters", "reader"]) == 1
    assert capsys.readouterr().err.startswith("synthesis: There is no adapter 'reader': choose one of embedder,")
