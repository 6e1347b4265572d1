"""Checkpoints belong to one training; the record of a training is read again."""

from __future__ import annotations

import mmap
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from labkit import paths, tune
from labkit.tune import training
from labkit.tune.training import Checkpoints

RECORD = tune.TrainingRecord("reader", None, "d1", {"epochs": 1.0, "seed": 0}, 3)


def add(checkpoints: Checkpoints, step: int, complete: bool = True) -> str:
    folder = checkpoints.folder / f"checkpoint-{step}"
    folder.mkdir()
    if complete:
        (folder / "trainer_state.json").write_text('{\n "step": 1\n}\n')
    return str(folder)


def test_the_highest_complete_checkpoint_is_continued(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints", RECORD)
    assert checkpoints.last() is None
    add(checkpoints, 9)
    tenth = add(checkpoints, 10)
    add(checkpoints, 11, complete=False)
    (Path(add(checkpoints, 12)) / "trainer_state.json").write_text('{"global_st')
    assert checkpoints.last() == tenth
    assert sorted(path.name for path in checkpoints.folder.glob("c*")) == ["checkpoint-10", "checkpoint-9"]
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
    (tmp_path / "training.json").write_text('{"steps": 3}')
    with pytest.raises(ValueError, match=r"training\.json' is no record of `tune\.train_generator`"):
        tune.read_record(tmp_path)


def test_a_registry_shows_what_made_each_adapter(tmp_path):
    for name, loss in (("second", 1.5), ("first", 2.5)):
        (tmp_path / name).mkdir()
        replace(RECORD, losses=(9.0,) * 10 + (loss,), tokens=90, seconds=2.0).write(tmp_path / name)
    (tmp_path / "first" / "adapter_model.safetensors").write_bytes(b"x" * 2000)
    for name, text in (("reader", "{}"), ("damaged", '{"base": "re')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "training.json").write_text(text)
    table = tune.registry(tmp_path)
    assert list(table.index) == ["first", "second"]
    first = table.loc["first"]
    assert (first["base"], first["data"], first["epochs"], first["examples"]) == ("reader", "d1", 1.0, 3)
    assert (first["loss"], first["tokens_per_second"], first["file_mb"]) == (2.5, 45.0, 0.002)
    assert tune.registry(tmp_path / "first").empty


def test_the_registry_of_the_course_names_its_generators():
    table = tune.registry(paths.data() / "models")
    assert set(table["base"]) == {"reader", "reader with sft"} and {"extractor", "sft", "raft"} <= set(table.index)


def test_the_peak_is_that_of_the_training_and_not_of_what_was_before():
    _resident(400_000_000).close()
    before = psutil.Process().memory_info().rss / 1e6
    memory = training._PeakMemory()
    large = _resident(200_000_000)
    end = time.monotonic() + 60
    # Beside other work the watch may not come to its turn for a while.
    while memory._seen[0] < before + 150 and time.monotonic() < end:
        time.sleep(0.05)
    large.close()
    assert memory.stop() - before == pytest.approx(200, abs=50)


def _resident(size: int) -> mmap.mmap:
    """Memory that is given back when it is closed; what Python frees, the process may keep and use again."""
    memory = mmap.mmap(-1, size)
    for _ in range(100):
        memory.write(bytes(size // 100))
    return memory


def test_the_watch_ends_with_a_training_that_failed():
    memory = training._PeakMemory()
    over = memory._over
    del memory
    assert over.wait(5)
