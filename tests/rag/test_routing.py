"""The router finds documents by words and by meaning; questions that the documents are not about are warned of."""

from __future__ import annotations

import pytest
from small import PAPERS

from labkit import rag
from labkit.corpus import Document


def test_the_router_finds_documents_by_words_and_by_meaning(index, embedder):
    headers = rag.titles(PAPERS)
    assert rag.Router(headers, keep=1).route(["the lease of the hall"]) == [["lease"]]
    assert rag.Router(headers, embedder, keep=1).route(["Where is our data kept?"]) == [["hosting"]]
    routed = rag.Routed(index, rag.Router(headers, embedder, keep=1))
    assert routed.retrieve(["How is paper supplied?"], 2)[0][0].node.metadata["document"] == "supply"
    with pytest.raises(ValueError, match="needs headers"):
        rag.Router({})
    assert sorted(rag.Router(headers, keep=1).route(["Zelk?"])[0]) == sorted(headers)


def test_kinds_and_dates_are_written_as_questions_write_them():
    dated = Document("C1", "C1", "text", {"kind": "equipment_lease", "date": "2021-03-07"})
    assert rag.kinds_and_dates([dated, *PAPERS]) == {"C1": "equipment lease 7 March 2021"}


def test_domain_warns_of_what_lies_outside(index):
    inside = ["What is the rent a month?", "Who keeps the key?", "In which city do the servers stand?"]
    domain = rag.Domain(index, inside, share=0.0)
    assert all(domain.warning(q) is None for q in inside)
    warning = domain.warning("Who painted the ceiling of the chapel?")
    assert warning is not None and "unlike" in warning
    assert domain.similarity(inside).shape == (3,)
    for questions, share in (([], 0.02), (inside, 1.0)):
        with pytest.raises(ValueError, match="Calibrate"):
            rag.Domain(index, questions, share)
