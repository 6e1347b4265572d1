"""Gold facts stand where they are said to."""

from __future__ import annotations

import pytest

from labkit import corpus


@pytest.fixture(scope="module")
def dev():
    return corpus.load_documents("dev")


def test_facts_stand_where_they_are_said_to(dev):
    by_id = {d.id: d for d in dev}
    facts = corpus.gold_facts(dev)
    assert all(by_id[f.span.document].quote(f.span).endswith(f.object) for f in facts)
    assert {f.relation for f in facts} <= {
        *corpus.clause_relations(),
        *corpus.PARTY_RELATIONS,
        *corpus.COMPANY_RELATIONS,
    }
