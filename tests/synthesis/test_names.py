"""Invented names: those of training and of evaluation."""

from __future__ import annotations

import random

from synthesis.reader import names


def test_names_of_training_and_evaluation_are_disjoint():
    trained = {names.Names(random.Random(i)).company()[0] for i in range(3000)}
    held = {names.Names(random.Random(i), heldout=True).company()[0] for i in range(3000)}
    assert not trained & held
