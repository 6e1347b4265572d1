"""The exercises of appendix A1: wrong answers get a hint, and never the answer."""

from __future__ import annotations

from labkit import exercises


def test_a_mask_is_judged_by_what_it_lets_a_token_see():
    def mask(group, branch, later=False, groups=True, branches=True):
        places = range(len(group))
        return [
            [(later or j <= i) and not (groups and group[i] != group[j])
             and not (branches and branch[j] not in (0, branch[i])) for j in places] for i in places
        ]  # fmt: skip

    judge = exercises.judge("A1.2")
    assert judge(mask) is None
    assert "after it" in judge(lambda g, b: mask(g, b, later=True))
    assert "another group" in judge(lambda g, b: mask(g, b, groups=False))
    assert "another branch" in judge(lambda g, b: mask(g, b, branches=False))
    assert "may see" in judge(lambda g, b: [[False] * len(g) for _ in g])
    assert "square" in judge(lambda g, b: [[True]])


def test_only_further_wordings_help_with_new_ones():
    assert exercises.judge("A1.4")(" B ") is None
    assert len({exercises.judge("A1.4")(letter) for letter in "acde"}) == 4
