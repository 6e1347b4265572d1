"""Training pairs out of what a search found."""

from __future__ import annotations

import pytest
from small import TERM_HITS, TERM_QUESTIONS

from labkit import tune


def test_pairs_hold_the_evidence_and_hard_negatives():
    made = tune.pairs(TERM_QUESTIONS, TERM_HITS, negatives=2)
    assert sum(p.label for p in made) == len(TERM_QUESTIONS) and len(made) == 3 * len(TERM_QUESTIONS)
    assert all((p.question.rstrip("?").split()[-1] in p.passage) == bool(p.label) for p in made)
    assert made == tune.pairs(TERM_QUESTIONS, TERM_HITS, negatives=2)
    with pytest.raises(ValueError, match="search for each"):
        tune.pairs(TERM_QUESTIONS, TERM_HITS[:1])
    with pytest.raises(ValueError, match="search deeper"):
        tune.pairs(TERM_QUESTIONS, [rows[1:] for rows in TERM_HITS])
