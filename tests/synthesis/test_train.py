"""Training of the reader on a tiny model: it learns, goes on where it was stopped, and writes an adapter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from synthesis.reader import train
from tiny_model import tiny_folder

from labkit import models


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("tiny") / "model")


def settings(seconds: float, **changes) -> train.Settings:
    values = dict(minutes=seconds / 60, seed=1, learning_rate=5e-3, rows=2, length=1024, rank=4, workers=0,
                  compiled=False)  # fmt: skip
    return train.Settings(**(values | changes))


def adapter_weights(run: train.Run) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in run.trained.items()}


def losses(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (out / "log.jsonl").read_text().splitlines()]


def test_a_sitting_learns_measures_and_leaves_an_adapter(base, tmp_path):
    run = train.Run(tmp_path, settings(600), base, "cpu")
    before = adapter_weights(run)
    first = float(train.loss(run.model, next(train.batches(run.tokenizer, run.settings, "held", "cpu"))))
    run.train(tokens=60 * 2048)
    last = float(train.loss(run.model, next(train.batches(run.tokenizer, run.settings, "held", "cpu"))))
    assert run.sitting["finished"] and run.sitting["steps"] > 3 and last < first - 0.1
    assert all((run.trained[name] != weight).any() for name, weight in before.items())
    run.record(train.evaluate(run, 2))
    done = json.loads((tmp_path / "adapter" / "training.json").read_text())
    assert done["sittings"][0]["steps"] == run.sitting["steps"] and done["questions"] == 2
    shares = [share for cell in done["held_out_worlds"].values() for share in cell.values()]
    assert len(done["held_out_worlds"]) > 20 and all(0 <= share <= 1 for share in shares)
    assert losses(tmp_path)


def test_the_adapter_written_is_what_was_learned(base, tmp_path):
    run = train.Run(tmp_path, settings(600), base, "cpu")
    run.train(tokens=60 * 2048)  # not a time: a busy machine would learn too little
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "SmolLM2-135M-Instruct" and config["r"] == 4
    assert {p.name for p in (tmp_path / "adapter").iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors", "training.json",
    }  # fmt: skip
    plain = models.load_generator(base, dtype="fp32")
    tuned = models.load_tuned(tmp_path / "adapter", plain)
    ids = torch.arange(3, 40)[None]
    with torch.inference_mode():
        learned = run.model.eval()(input_ids=ids).logits.float()
        assert (tuned.model(input_ids=ids).logits - learned).abs().mean() < 0.05 * learned.std()
        assert (plain.model(input_ids=ids).logits - learned).abs().mean() > 0.05 * learned.std()


def test_a_run_that_was_stopped_goes_on_and_a_finished_one_begins_another_sitting(base, tmp_path, monkeypatch):
    stopped = train.Run(tmp_path, settings(600), base, "cpu")
    step = train.Run._step

    def interrupted(run, batch, done):
        if run.sitting["steps"] == 3:
            raise KeyboardInterrupt
        return step(run, batch, done)

    monkeypatch.setattr(train.Run, "_step", interrupted)
    with pytest.raises(SystemExit, match="the same command goes on from here"):
        stopped.train()
    monkeypatch.undo()
    resumed = train.Run(tmp_path, settings(600), base, "cpu")
    assert resumed.sitting["steps"] == 3 and len(resumed.sittings) == 1
    assert all(torch.equal(resumed.trained[name], p) for name, p in adapter_weights(stopped).items())
    assert resumed.optimizer.state_dict()["state"][0]["step"] == 3
    resumed.settings.minutes = (resumed.sitting["seconds"] + 1) / 60
    resumed.train()
    assert resumed.sitting["finished"] and resumed.sitting["steps"] > 3
    another = train.Run(tmp_path, settings(1), base, "cpu")
    assert len(another.sittings) == 2 and another.sitting["steps"] == 0 and not another.optimizer.state
    assert all(torch.equal(another.trained[name], p) for name, p in adapter_weights(resumed).items())


def test_an_adapter_of_another_base_is_refused(base, tmp_path):
    train.Run(tmp_path, settings(1), base, "cpu").save()
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    torch.save(kept | {"base": "another"}, tmp_path / "checkpoint.pt")
    with pytest.raises(SystemExit, match="adapter of another base model"):
        train.Run(tmp_path, settings(1), base, "cpu")


def test_the_learning_rate_warms_up_and_falls_to_nothing():
    assert train.rate(0) == 0 and train.rate(train.WARMUP) > 0.99 and train.rate(1) == pytest.approx(0)
    assert train.rate(0.3) > train.rate(0.6) > train.rate(0.9)
