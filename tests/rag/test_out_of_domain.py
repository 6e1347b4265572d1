"""Questions that the documents are not about are warned of."""

from __future__ import annotations

import pytest

from labkit import rag


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
