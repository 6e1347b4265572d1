"""The exercises of lesson 00. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from typing import Any

from labkit import corpus, metrics
from labkit.exercises.checking import exercise
from labkit.exercises.dev_archive import (
    FIRST_CONTRACT,
    first_question,
)
from labkit.replies import parse_answer


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
    evidence = first_question().evidence[0]
    return None if int(answer) == evidence.end - evidence.start else "A span ends before `end`: subtract its start."
