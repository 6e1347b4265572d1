"""Pairs and thumbs made of judgements, and why there are none."""

from __future__ import annotations

import pytest

from labkit.feedback import Comparison, Judgement, dataset, preferences, rated
from labkit.judge import Preference, Rated

RENT = Comparison("rent", "When is rent due?", (), ("30 days", "60 days"))
SAME = Comparison("same", "Who pays?", (), ("the tenant", "the tenant "))


def said(verdict, rater="ann", edited=None, about=RENT) -> Judgement:
    return Judgement(about.id, rater, verdict, edited=edited)


def pairs(*judgements) -> list[tuple[str, str]]:
    made = preferences([RENT, SAME], judgements)
    assert all(pair.messages == RENT.messages for pair in made)
    return [(pair.chosen, pair.rejected) for pair in made]


def thumbs(*judgements) -> dict[str, bool]:
    made = rated([RENT, SAME], judgements)
    found = {thumb.reply: thumb.good for thumb in made}
    assert len(found) == len(made)
    return found


@pytest.mark.parametrize(("judgements", "expected", "good"), [
    ([said("first")], [("30 days", "60 days")], {"30 days": True, "60 days": False}),
    ([said("second")], [("60 days", "30 days")], {"60 days": True, "30 days": False}),
    ([said("first"), said("second", "bob"), said("first", "eve")], [("30 days", "60 days")],
     {"30 days": True, "60 days": False}),
    ([said("both_bad", edited="a month")], [("a month", "30 days"), ("a month", "60 days")],
     {"a month": True, "30 days": False, "60 days": False}),
    ([said("second", edited="60 days [1]")],
     [("60 days [1]", "30 days"), ("60 days [1]", "60 days"), ("60 days", "30 days")],
     {"60 days [1]": True, "30 days": False}),
    ([said("tie", edited="30 days ")], [("30 days ", "60 days")], {"30 days ": True}),
    ([said("first"), said("tie", about=SAME)], [("30 days", "60 days")], {"30 days": True, "60 days": False}),
])  # fmt: skip
def test_what_judgements_become(judgements, expected, good):
    assert pairs(*judgements) == expected
    assert thumbs(*judgements) == good


@pytest.mark.parametrize(("judgements", "reason"), [
    ([], "nothing was judged"),
    ([said("tie")], "1 ties"),
    ([said("first"), said("second", "bob")], "1 on which raters contradict"),
    ([said("first"), said("tie", "bob"), said("second", about=SAME)], "1 on which .* 1 with identical answers"),
    ([said("tie"), said("tie", about=SAME)], "2 ties"),
])  # fmt: skip
def test_nothing_to_learn_from_says_why(judgements, reason):
    for make in (preferences, rated):
        with pytest.raises(ValueError, match=reason):
            make([RENT, SAME], judgements)


def test_two_bad_answers_give_thumbs_but_no_pair():
    with pytest.raises(ValueError, match="1 with two bad answers"):
        pairs(said("both_bad"))
    assert thumbs(said("both_bad")) == {"30 days": False, "60 days": False}


def test_a_judgement_of_something_else_is_refused():
    with pytest.raises(ValueError, match="'rent', which is none of the comparisons"):
        preferences([SAME], [said("first")])


def test_dataset_has_the_form_that_trl_reads(tmp_path):
    from datasets import load_from_disk

    made = preferences([RENT], [said("second")])
    assert made == [Preference(RENT.messages, "60 days", "30 days")]
    dataset(made).save_to_disk(str(tmp_path / "pairs"))
    (row,) = load_from_disk(str(tmp_path / "pairs"))
    assert row == {
        "prompt": list(RENT.messages),
        "chosen": [{"role": "assistant", "content": "60 days"}],
        "rejected": [{"role": "assistant", "content": "30 days"}],
    }
    with pytest.raises(ValueError, match="no preferences"):
        dataset([])
    assert rated([RENT], [said("first")])[0] == Rated(RENT.messages, "30 days", True)
