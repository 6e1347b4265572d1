"""Checkpoints belong to one training; the record of a training is read again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labkit import tune
from labkit.tune.progress import Checkpoints

RECORD = tune.TrainingRecord("reader", None, "d1", {"epochs": 1.0, "seed": 0}, 3)


def add(checkpoints: Checkpoints, step: int, complete: bool = True) -> str:
    folder = checkpoints.folder / f"checkpoint-{step}"
    folder.mkdir()
    if complete:
        (folder / "trainer_state.json").write_text("{}")
    return str(folder)


def test_the_highest_complete_checkpoint_is_continued(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints", RECORD)
    assert checkpoints.last() is None
    add(checkpoints, 9)
    tenth = add(checkpoints, 10)
    add(checkpoints, 11, complete=False)
    assert checkpoints.last() == tenth
    assert Checkpoints(checkpoints.folder, replace(RECORD)).last() == tenth
    checkpoints.remove()
    assert not checkpoints.folder.exists()


@pytest.mark.parametrize("other", [{"data": "d2"}, {"settings": {"epochs": 2.0, "seed": 0}}, {"base_fingerprint": "b"}])
def test_those_of_another_training_are_removed(tmp_path, other):
    add(Checkpoints(tmp_path / "checkpoints", RECORD), 5)
    assert Checkpoints(tmp_path / "checkpoints", replace(RECORD, **other)).last() is None
    assert Checkpoints(tmp_path / "checkpoints", RECORD).last() is None


def test_those_of_an_unknown_training_are_removed(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints", RECORD)
    add(checkpoints, 5)
    (checkpoints.folder / "made_of.json").unlink()
    assert Checkpoints(checkpoints.folder, RECORD).last() is None


def test_a_record_is_written_and_read(tmp_path):
    record = replace(RECORD, too_long=(1, 4), steps=2, tokens=900, seconds=4.5, losses=(2.5, 1.25))
    record.write(tmp_path)
    assert tune.read_record(tmp_path) == record
    assert (record.tokens_per_second, RECORD.tokens_per_second) == (200.0, 0.0)


def test_an_empty_folder_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no training\.json: train with `tune\.train_generator`"):
        tune.read_record(tmp_path)
