"""The exercises' judges: wrong answers get a hint, and never the answer."""

from __future__ import annotations

from labkit import corpus
from labkit.exercises import EXERCISES, FIRST_CONTRACT


def test_judges_tell_right_from_wrong():
    contracts = corpus.load_documents("dev", kinds=("contract",))
    both = corpus.load_documents("dev", kinds=("contract", "amendment"))
    assert EXERCISES["00.1"](len(contracts)) is None
    assert "amendments" in EXERCISES["00.1"](len(both))
    assert EXERCISES["00.1"](-1)
    assert EXERCISES["01.1"]("usd 2000000") is None
    assert "same text" in EXERCISES["01.1"]("USD 2,000,000")
    assert EXERCISES["01.1"]("USD 3,000,000")
    assert "recall at 5" in EXERCISES["01.2"](_recall_at_5())


def _recall_at_5():
    from labkit.exercises import _mean_recall

    return _mean_recall(5)


def test_the_law_is_judged_by_the_contract_itself():
    record = next(r for r in corpus.contract_records() if r["id"] == FIRST_CONTRACT)
    interest = next(c for c in record["clauses"] if c["category"] == "late_interest")
    assert EXERCISES["00.2"](f"{interest['surface']} [1]") is None
    assert EXERCISES["00.2"]("99% [1]")
    assert "reply" in EXERCISES["00.2"](42)
