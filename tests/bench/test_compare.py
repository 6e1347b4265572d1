"""What a grid's answers say: scores by task, leaders, regressions."""

from __future__ import annotations

import json
import math
import random
import statistics

import pytest

from labkit import bench, cli, corpus
from labkit.bench import compare
from labkit.bench import grid as module
from labkit.bench.arms import Arm

TASKS = ("lookup", "unanswerable", "summarise")


@pytest.fixture(scope="module")
def asked():
    """Dev questions of three tasks, of both halves."""
    dev = [q for half in ("new", "seen") for q in corpus.load_questions("dev", TASKS, half=half)]
    return [q for q in dev if q.followup is None]


def write(folder, asked, shares, seeds=(0,), places=None):
    """Results of arms that answer a share of the questions rightly, which ones is drawn; no model is asked."""
    arms = [Arm(name, "closed-book", seeds=seeds if name == "tuned" else (0,)) for name in shares]

    def answers(grid, parts, workers):
        for arm, seed, part in parts:
            rows = []
            for q in part:
                right = random.Random(f"{arm.name} {seed} {q.id}").random() < shares[arm.name]
                reply = (q.answer or "I don't know.") if right else "seven geese"
                found = [[e.document, e.start, e.end] for e in q.evidence] if places else []
                row = dict(arm=arm.name, seed=seed, question=q.id, reply=reply, places=found)
                rows.append(row | dict(prompt_tokens=9, reply_tokens=3))
            yield rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(module.ENGINES, "local", answers)
        module.run_grid(bench.course_grid(asked, arms), folder, progress=False)
    return folder


@pytest.fixture(scope="module")
def old(asked, tmp_path_factory):
    return write(tmp_path_factory.mktemp("old"), asked, {"plain": 0.4, "tuned": 0.9, "oracle": 1.0}, (0, 1, 2))


@pytest.fixture(scope="module")
def runs(old):
    return bench.load_runs(old)


def test_rows_become_runs_that_tables_take(old, runs, asked, tmp_path):
    assert {name: len(seeds) for name, seeds in runs.items()} == {"plain": 1, "tuned": 3, "oracle": 1}
    table = bench.results_table([bench.averaged(seeds) for seeds in runs.values()])
    assert list(table["name"]) == ["plain", "tuned", "oracle", "always refuses"]
    assert table.set_index("name").loc["oracle", "refused_rightly"] == 1
    assert math.isnan(runs["plain"][0].milliseconds)
    # Passages that were read tell how much of the evidence was among them.
    [run] = bench.load_runs(write(tmp_path, asked[:20], {"plain": 0.5}, places=True))["plain"]
    assert bench.mean(run, "evidence_in_prompt").value == 1 and run.error_counts()["right"] > 0
    (tmp_path / "timings.json").write_text(json.dumps({"plain": {"milliseconds": 12.5}}))
    assert bench.load_runs(tmp_path)["plain"][0].milliseconds == 12.5


def test_scores_have_intervals_over_questions_and_a_spread_over_seeds(runs):
    table = bench.by_task(runs).set_index(["arm", "task"])
    assert {t: table.loc[("tuned", t), "metric"] for t in TASKS} == {
        "lookup": "answer_accuracy", "unanswerable": "refused_rightly", "summarise": "token_f1",
    }  # fmt: skip
    row = table.loc[("tuned", "lookup")]
    parts = [bench.where(run, lambda q: q.half == "new" and q.task == "lookup") for run in runs["tuned"]]
    singles = [bench.mean(part, "answer_accuracy").value for part in parts]
    assert row["value"] == pytest.approx(statistics.mean(singles)) and row["low"] < row["value"] < row["high"]
    assert row["seeds_sd"] == pytest.approx(statistics.stdev(singles)) and row["seeds_sd"] > 0
    assert (row["seeds"], row["n"]) == (3, len(parts[0].questions))
    assert math.isnan(table.loc[("plain", "lookup"), "seeds_sd"])
    assert table.loc[("oracle", "summarise"), "value"] == 1


def test_a_leader_is_one_only_where_the_interval_says_so(runs, asked, tmp_path):
    assert bench.leaders(runs) == dict.fromkeys(TASKS, ("tuned", True))
    close = bench.load_runs(write(tmp_path / "a", asked, {"plain": 0.62, "tuned": 0.64}))
    assert not any(sure for _, sure in bench.leaders(close).values())
    few = bench.load_runs(write(tmp_path / "b", asked[:3], {"plain": 0.0, "tuned": 1.0}))
    assert bench.leaders(few) == {"lookup": ("tuned", False)}
    alone = {"plain": runs["plain"]}
    assert bench.leaders(alone) == dict.fromkeys(TASKS, ("plain", False))


def test_the_gate_fails_where_an_arm_got_worse(old, asked, tmp_path, capsys):
    same = {"plain": 0.4, "tuned": 0.9, "oracle": 1.0}
    assert cli.main(["bench", "compare", str(old), str(old)]) == 0
    assert "No arm got significantly worse." in capsys.readouterr().out
    worse = write(tmp_path / "worse", asked, same | {"tuned": 0.6}, (0, 1, 2))
    assert cli.main(["bench", "compare", str(old), str(worse)]) == 1
    printed = capsys.readouterr().out
    assert "tuned got worse: answer_accuracy (new)" in printed and "plain got worse" not in printed
    table = bench.regressions(old, worse)
    assert set(table["half"]) == {"new", "seen"} and set(table["metric"]) == {*compare.GATE}
    row = table[table["worse"]].iloc[0]
    assert row["high"] < 0 and row["p"] < 0.05
    # Getting better is no regression.
    assert cli.main(["bench", "compare", str(worse), str(old)]) == 0


def test_more_wrong_refusals_are_worse(asked, tmp_path):
    lookups = [q for q in asked if q.task == "lookup"]
    good = write(tmp_path / "good", lookups, {"plain": 1.0})
    bad = write(tmp_path / "bad", lookups, {"plain": 1.0})
    file = bad / module.ANSWERS
    rows = [json.loads(line) | {"reply": "I don't know."} for line in file.read_text("utf-8").splitlines()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    table = bench.regressions(good, bad)
    worse = table[table["worse"]]
    assert set(worse["metric"]) == {"answer_accuracy", "refused_wrongly"}
    assert "refused_rightly" not in set(table["metric"])
    assert bench.regressions(bad, good)["worse"].sum() == 0


def test_folders_that_cannot_be_compared_are_refused(old, asked, tmp_path, capsys):
    other = write(tmp_path / "other", asked[1:], {"plain": 0.4})
    assert cli.main(["bench", "compare", str(old), str(other)]) == 1
    assert "answer other questions: compare runs on the same." in capsys.readouterr().err
    stranger = write(tmp_path / "stranger", asked, {"another": 0.4})
    with pytest.raises(ValueError, match="No arm is in both"):
        bench.regressions(old, stranger)
    few = write(tmp_path / "few", asked[:3], {"plain": 0.4})
    with pytest.raises(ValueError, match="nothing could come out"):
        bench.regressions(few, few)
    assert cli.main(["bench", "compare", str(old), str(tmp_path / "nothing")]) == 1
    assert "no folder of the benchmark's results" in capsys.readouterr().err
    (few / module.ANSWERS).rename(few / module.UNFINISHED)
    with pytest.raises(FileNotFoundError, match="its run is not finished"):
        bench.load_runs(few)
    with pytest.raises(ValueError, match="answers to other questions than these"):
        bench.load_runs(old, questions=asked[1:])


def test_the_command_line_runs_a_grid(tmp_path, capsys, monkeypatch):
    """Of the arms, questions and engine that it names, and prints what came out."""
    given = {}

    def run(grid, folder, engine, workers):
        given.update(arms=[a.name for a in grid.arms], asked=len(grid.questions), engine=engine, workers=workers)
        return write(folder, grid.questions, {"plain": 0.5})

    monkeypatch.setattr(bench, "run_grid", run)
    monkeypatch.setattr(bench, "measure_times", lambda grid, folder: {})
    out = str(tmp_path / "out")
    assert cli.main(["bench", "run", out, "--arms", "SFT, oracle", "--engine", "ray"]) == 0
    dev = [q for half in ("new", "seen") for q in corpus.load_questions("dev", half=half) if q.followup is None]
    assert given == {"arms": ["SFT", "oracle"], "asked": len(dev), "engine": "ray", "workers": 2}
    assert "plain" in (printed := capsys.readouterr().out) and "Scores on new contracts" in printed
    assert cli.main(["bench", "run", str(tmp_path / "again"), "--like", out]) == 0
    assert given == {"arms": ["plain"], "asked": len(dev), "engine": "local", "workers": 2}
    capsys.readouterr()
    assert cli.main(["bench", "run", str(tmp_path), "--arms", "SFT,guess"]) == 1
    assert "There is no such arm: choose among SmolLM2 closed-book" in capsys.readouterr().err
