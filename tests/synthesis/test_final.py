"""The final questions: parts that were asked apart are put together as if they had been asked at once."""

from __future__ import annotations

import json
import lzma
import shutil
from dataclasses import replace

import pytest
from small import TERM_DOCUMENTS, TERMS, term_question
from synthesis import __main__ as commands
from synthesis import final
from tiny_model import tiny_folder

from labkit import bench, corpus, paths
from labkit.bench.arms import ARMS, Arm
from labkit.bench.grid import ANSWERS, MANIFEST, read_manifest

# Kept, for a test puts others in its place.
cells = final.cells
ASKED = [replace(term_question(name, f"What is the term of {name}?"), id=name, half="new") for name in TERMS]


@pytest.fixture(scope="module")
def arms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny") / "model"
    tiny_folder(folder)
    return [
        Arm("from memory", "closed-book", model=str(folder), seeds=(0, 1)),
        Arm("naive + more", "naive", model=str(folder)),
    ]


@pytest.fixture(scope="module")
def asked_apart(arms, tmp_path_factory):
    out = tmp_path_factory.mktemp("apart")
    for cell in final.cells(arms):
        bench.run_grid(bench.Grid(ASKED, TERM_DOCUMENTS, arms=[cell]), final.folder_of(out, cell), progress=False)
    return out


def test_parts_are_put_together_as_if_asked_at_once(arms, asked_apart, tmp_path):
    bench.run_grid(bench.Grid(ASKED, TERM_DOCUMENTS, arms=arms), tmp_path, progress=False)
    manifest, answers = final.merged(final.folder_of(asked_apart, cell) for cell in final.cells(arms))
    assert answers == (tmp_path / ANSWERS).read_text("utf-8") and len(answers.splitlines()) == 3 * len(ASKED)
    assert manifest == read_manifest(tmp_path)


def test_parts_of_other_data_are_not_put_together(arms, asked_apart, tmp_path):
    first, *rest = list(final.cells(arms))
    bench.run_grid(bench.Grid(ASKED[:1], TERM_DOCUMENTS, arms=[first]), tmp_path, progress=False)
    with pytest.raises(ValueError, match="was made from other questions, asked than the rest: ask it anew"):
        final.merged([tmp_path, *(final.folder_of(asked_apart, cell) for cell in rest)])


def test_what_is_finished_is_shipped(arms, asked_apart, tmp_path, monkeypatch):
    monkeypatch.setattr(final, "cells", lambda: iter([*cells(arms), Arm("not asked yet", "naive")]))
    monkeypatch.setattr(final, "questions", lambda: ASKED)
    monkeypatch.setattr(final, "grid_of", lambda out, some, asked: bench.Grid(asked, TERM_DOCUMENTS, arms=some))
    monkeypatch.setattr(final.paths, "shipped_results", lambda: tmp_path)
    final.ship(asked_apart)
    folder = tmp_path / final.FOLDER
    times = json.loads((folder / "timings.json").read_text("utf-8"))
    assert set(times) == set(read_manifest(folder)["arms"]) == {arm.name for arm in arms}
    rows = lzma.decompress((folder / "answers.jsonl.xz").read_bytes()).decode()
    assert rows == final.merged(final.folder_of(asked_apart, cell) for cell in cells(arms))[1]
    assert f"{final.FOLDER}/{MANIFEST}" in final.paths.checksums(tmp_path)
    with pytest.raises(ValueError, match="holds no finished arm: run the command without --ship first"):
        final.ship(tmp_path)


def test_questions_are_drawn_by_their_ids_alone():
    dev = [q for half in ("new", "seen") for q in corpus.load_questions("dev", half=half)]
    chosen = final.choose(dev, {"new": 90, "seen": 9})
    assert chosen == final.choose(dev[::-1], {"new": 90, "seen": 9})
    tasks = [q.task for q in chosen if q.half == "new"]
    assert {task: tasks.count(task) for task in bench.TASKS} == dict.fromkeys(bench.TASKS, 10)
    assert len(chosen) == 99 and not any(q.followup for q in chosen)
    with pytest.raises(ValueError, match="Of the seen half there are"):
        final.choose(dev, {"seen": 900})


def test_an_unknown_arm_is_named(tmp_path):
    with pytest.raises(ValueError, match="There is no arm 'best': choose among SmolLM2 closed-book, "):
        final.main(tmp_path, ["best"])


def test_arms_without_their_adapters_are_left_out(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(final.bench, "run_grid", lambda grid, folder: asked.append((grid.arms[0].name, folder)))
    (tmp_path / "adapters" / "sft").mkdir(parents=True)
    final.main(tmp_path, ["SFT", "closed-book"])
    assert [name for name, _ in asked] == ["closed-book", "SFT"]
    assert "SFT, seed 1: its adapters are in no folder; left out." in capsys.readouterr().out


def test_a_further_seed_is_trained_beside_the_adapters_of_the_course(tmp_path, monkeypatch, capsys):
    trained = []

    def sft(arm, chats, folder):
        trained.append((arm, {name: len(rows) for name, rows in chats.items()}, folder.name))
        shutil.copytree(paths.adapter("sft"), folder)

    monkeypatch.setattr(final.finetuning, "train", sft)
    monkeypatch.setattr(final.finetuning, "course_examples", lambda: {"written": ["a", "b"]})
    monkeypatch.setattr(final.raft, "examples", lambda: {"raft": ["a", "b", "c"]})
    monkeypatch.setattr(final.models, "load_tuned", lambda folder: folder.name)
    monkeypatch.setattr(
        final.raft, "train", lambda chats, folder, base, seed: trained.append((folder.name, base, seed))
    )
    for _ in range(2):
        assert commands.main(["final", str(tmp_path), "--train", "2"]) == 0
    after = ("raft-s2", "sft-s2", 2)
    assert trained == [(final.finetuning.Arm(seed=2), {"written": 2}, "sft-s2"), after, after]
    arm = next(arm for arm in ARMS if arm.name == "SFT")
    folders = final.grid_of(tmp_path, [arm], []).folders(arm, 0) + final.grid_of(tmp_path, [arm], []).folders(arm, 2)
    assert [folder.name for folder in folders] == ["sft", "sft-s2"] and all(folder.is_dir() for folder in folders)
