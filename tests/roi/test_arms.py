"""Arms: measured from answers, their uncertainty, and results of other models."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from labkit import roi
from labkit.roi.arms import check_together
from labkit.stats import Interval, mean_interval


def test_an_arm_is_measured_from_its_answers(answers):
    rows = answers(0.6, 0.2)
    arm = roi.measured_arm("RAG", rows, facts="index", index_seconds=30, data="v1")
    assert arm.right == mean_interval(rows["right"].tolist(), rows["contract"].tolist())
    assert arm.right.value + arm.wrong.value + arm.refused.value == pytest.approx(1)
    assert (arm.prompt_tokens, arm.seconds, arm.index_seconds, arm.data) == (1000, 2, 30, "v1")
    assert len(arm.questions) == 200 and len(arm.residuals) == 20


def test_seeds_of_a_question_count_as_one(answers):
    rows = answers(0.6, 0.2)
    other = rows.assign(right=np.where(rows["refused"] == 0, 1.0, 0.0))
    arm = roi.measured_arm("SFT", pd.concat([rows, other]))
    assert arm.right.n == 200 and arm.right.value == pytest.approx((rows["right"].mean() + other["right"].mean()) / 2)


def test_what_chance_adds_in_training_widens_the_draws(answers):
    rows = answers(0.6, 0.2)
    bad = rows.assign(right=rows["right"].where(rows.index % 4 > 0, 0.0))
    arm = roi.measured_arm("SFT", pd.concat([rows.assign(seed=0), bad.assign(seed=1)]))
    apart = rows["right"].mean() - bad["right"].mean()
    assert np.allclose(arm.seeds, [[apart / 2, 0], [-apart / 2, 0]]) and apart > 0.1
    alone = replace(arm, seeds=[(0, 0)])
    # Two seeds: their sample variance is twice the square of half their distance.
    assert arm.shares[0, 1:].var() == pytest.approx(alone.shares[0, 1:].var() + apart**2 / 2, rel=0.1)
    assert np.array_equal(alone.shares[2], arm.shares[2])


def test_draws_have_the_interval_as_their_quantiles_and_add_up_to_1(answers, arm):
    for one in (roi.measured_arm("RAG", answers(0.6, 0.2)), arm(0.5, 0.2, name="by hand")):
        shares = one.shares
        assert np.allclose(shares.sum(axis=0), 1) and shares.min() >= 0
        assert shares[:, 0] == pytest.approx([one.right.value, one.wrong.value, one.refused.value])
        # The share wrong is what the other two leave.
        for values, share in ((shares[0], one.right), (shares[2], one.refused)):
            assert np.quantile(values[1:], [0.025, 0.975]) == pytest.approx([share.low, share.high], abs=0.012)


def test_arms_that_answered_the_same_questions_are_compared_in_pairs(answers):
    rows = answers(0.6, 0.2)
    better = rows.copy()
    better.loc[better[better["right"] + better["refused"] == 0].index[::7], "right"] = 1.0
    one, two = roi.measured_arm("one", rows), roi.measured_arm("two", better)
    paired = two.shares[0] - one.shares[0]
    assert 0.02 < paired[0] < 0.04 and paired[1:].std() < 0.4 * one.shares[0][1:].std()


def test_few_contracts_give_no_draws(answers):
    few = roi.measured_arm("few", answers(0.6, 0.2, contracts=3))
    assert math.isnan(few.right.low) and np.isnan(few.shares[:, 1:]).all() and few.shares[0, 0] == few.right.value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="contract"), "no column 'contract'"),
        (lambda rows: rows.drop(columns="seconds"), "no column 'seconds'"),
        (lambda rows: rows.assign(right="yes"), "no number"),
        (lambda rows: rows.assign(right=2), "from 0 to 1"),
        (lambda rows: rows.assign(refused=1.0, right=1.0), "at most 1 together"),
        (lambda rows: rows.assign(right=float("nan")), "from 0 to 1"),
        (lambda rows: rows.iloc[:0], "from 0 to 1"),
        (lambda rows: rows.assign(prompt_tokens=float("nan")), "prompt_tokens is nan"),
        (lambda rows: pd.concat([rows, rows.iloc[:1].assign(contract="C9")]), "belongs to two contracts"),
    ],
)
def test_answers_that_cannot_be_used_say_why(change, message, answers):
    with pytest.raises(ValueError, match=message):
        roi.measured_arm("RAG", change(answers(0.6, 0.2)))


def test_an_arm_that_cannot_be_is_refused(arm):
    for rest, message in (
        ({"paid": "machine", "seconds": math.nan}, "seconds is nan"),
        ({"paid": "barter"}, "machine or tokens"),
        ({"index_seconds": -1}, "index_seconds is -1"),
        ({"training_seconds": "60"}, "training_seconds is '60'"),
        ({"facts": "weights"}, "training_seconds is 0"),
    ):
        with pytest.raises(ValueError, match=message):
            arm(**rest)
    half = Interval(0.5, 0.4, 0.6, 10, 10)
    with pytest.raises(ValueError, match=r"add up to 1.500"):
        roi.Arm("sum", half, half, half, seconds=1)


@pytest.fixture
def results(tmp_path, answers):
    """Writes results as another model's user would."""

    def write(**changes):
        rows = answers(0.7, 0.1).drop(columns="seconds").to_dict("records")
        arm = {"name": "best RAG", "facts": "index", "paid": "tokens", "index_seconds": 12, "answers": rows}
        content = {"data": roi.data_version(), "model": "a hosted LLM", "arms": [arm]} | changes
        (tmp_path / "results.json").write_text(json.dumps(content), encoding="utf-8")
        return tmp_path / "results.json"

    return write


def test_results_of_another_model_stand_beside_the_embedded_ones(results, answers):
    [hosted] = roi.load_results(results())
    assert hosted.name == "best RAG (a hosted LLM)" and hosted.paid == "tokens" and math.isnan(hosted.seconds)
    check_together([hosted, roi.measured_arm("best RAG", answers(0.6, 0.2), data=roi.data_version())])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "0123"}, "other data .version '0123'"),
        ({"arms": 3}, "does not hold results"),
        ({"arms": [{"name": "x", "answers": []}]}, "no column 'question'"),
        ({"arms": [{"name": "x"}]}, "does not hold results"),
        ({"arms": [{"name": "x", "answers": [{"question": "q"}], "price": 3}]}, "gives 'price'"),
        ({"arms": [{"name": "x", "answers": [{"question": "q"}]}]}, "no column 'contract'"),
    ],
)
def test_results_of_other_data_or_another_form_are_refused(changes, message, results):
    with pytest.raises(ValueError, match=message):
        roi.load_results(results(**changes))


def test_a_file_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("{", encoding="utf-8")
    for name in ("a.json", "none.json"):
        with pytest.raises(ValueError, match="does not hold results"):
            roi.load_results(tmp_path / name)


def test_arms_of_different_data_or_questions_are_not_mixed(answers, arm):
    rows = answers(0.6, 0.2)
    one = roi.measured_arm("one", rows, data="a")
    with pytest.raises(ValueError, match="'two' was measured on other data than 'one'"):
        check_together([one, roi.measured_arm("two", rows, data="b")])
    with pytest.raises(ValueError, match="'two' answered other questions than 'one'"):
        check_together([one, roi.measured_arm("two", rows.iloc[:-1], data="a")])
    for arms in ([], [one, one]):
        with pytest.raises(ValueError, match="at least one arm"):
            check_together(arms)
    check_together([one, arm(name="by hand")])


def test_the_version_of_the_data_changes_with_the_questions_and_not_with_the_prices(tmp_path, monkeypatch):
    sums = {"contracts/C1.txt": "1" * 64, "questions/dev.jsonl": "2" * 64, "prices.toml": "3" * 64}

    def version(**changed):
        lines = (f"{digest}  {name}\n" for name, digest in (sums | changed).items())
        (tmp_path / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
        return roi.data_version()

    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    first = version()
    assert version(**{"prices.toml": "4" * 64}) == first != version(**{"questions/dev.jsonl": "4" * 64})
