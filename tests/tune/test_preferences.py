"""Preferences: what TRL reads and computes, what a model learns from them, and what it cannot learn from."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from tiny_model import tiny_folder

from labkit import models, prompts, tune
from labkit.judge import Preference, Rated
from labkit.prompts import Passage
from labkit.tune import generator, training
from labkit.tune import preferences as tuning

REPLIES = ("30 days [1]", "the tenant of the house", prompts.REFUSAL)


def asked(i: int, words: int = 1) -> tuple[prompts.Message, ...]:
    passage = Passage("Lease", f"Rent is due within {i} days. " * words)
    return tuple(prompts.answer_messages(f"When is rent {i} due?", [passage]))


PAIRS = [Preference(asked(i, 1 + i % 3), prompts.REFUSAL, REPLIES[i % 2]) for i in range(6)]
RATED = [Rated(p.messages, reply, reply == p.chosen) for p in PAIRS for reply in (p.chosen, p.rejected)]
STEP = dict(learning_rate=1e-2, batch_size=2)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tiny model whose likelihoods depend on all that stands before."""
    return models.load_generator(tiny_folder(tmp_path_factory.mktemp("tiny") / "model"), dtype="fp32")


@pytest.fixture
def exact(monkeypatch):
    """In bf16 the likelihoods are off by more than what another reply in sight changes."""
    monkeypatch.setattr(models, "native_bf16", lambda: False)


@pytest.fixture
def trainers(monkeypatch):
    """The trainers of TRL, as they were before the training."""
    made, fit = [], generator.fit

    def watched(trainer, checkpoints):
        made.append((trainer, trainer.train_dataset))
        fit(trainer, checkpoints)

    monkeypatch.setattr(generator, "fit", watched)
    return made


def log_likelihoods(generator, messages, replies) -> np.ndarray:
    counts = [len(tuning.tokens(generator, m, r)[1]) for m, r in zip(messages, replies, strict=True)]
    return generator.log_likelihood(messages, replies, batch_size=1) * counts


def margins(generator) -> np.ndarray:
    messages = [p.messages for p in PAIRS]
    chosen, rejected = ([getattr(p, name) for p in PAIRS] for name in ("chosen", "rejected"))
    return log_likelihoods(generator, messages, chosen) - log_likelihoods(generator, messages, rejected)


def test_pairs_are_the_tokens_of_inference_with_one_end_and_the_reference_scores_them(tmp_path, tiny, trainers, exact):
    tune.train_dpo(PAIRS, tmp_path / "dpo", tiny, **STEP)
    (_, rows), end = trainers[0], tiny.tokenizer.eos_token_id
    assert len(rows) == len(PAIRS)
    for row, pair in zip(rows, PAIRS, strict=True):
        assert tiny.tokenizer.decode(row["prompt_ids"]) == tiny.text(pair.messages)
        for name, reply in (("chosen", pair.chosen), ("rejected", pair.rejected)):
            ids = row[f"{name}_ids"]
            assert tiny.tokenizer.decode(ids) == tiny.reply_text(pair.messages, reply)
            assert ids[-1] == end and ids.count(end) == 1
            alone = log_likelihoods(tiny, [pair.messages], [reply])[0]
            assert row[f"ref_{name}_logps"] == pytest.approx(alone, rel=1e-3)


def test_rated_replies_stand_beside_those_to_another_prompt_and_the_reference_scores_both(
    tmp_path, tiny, trainers, exact
):
    tune.train_kto([*RATED, Rated(PAIRS[0].messages, REPLIES[1], False)], tmp_path / "kto", tiny, **STEP)
    trainer, rows = trainers[0]
    assert len(rows) == 13 and trainer.args.per_device_train_batch_size == 2
    for row in rows:
        others = [other for other in rows if other["prompt_ids"] == row["prompt_ids"]]
        assert [other["completion_ids"] for other in others].count(row["KL_completion_ids"]) <= 1
        for ids, score in ((row["completion_ids"], row["ref_logps"]), (row["KL_completion_ids"], row["ref_KL_logps"])):
            line = torch.tensor([row["prompt_ids"] + ids])
            logs = tiny.model(line).logits[0, -len(ids) - 1 : -1].log_softmax(-1)
            assert score == pytest.approx(logs.gather(-1, line[0, -len(ids) :, None]).sum().item(), rel=1e-3)
    prompts_in_order = [tuple(row["prompt_ids"]) for row in rows]
    assert sum(a != b for a, b in pairwise(prompts_in_order)) == len(PAIRS) - 1
    weights = trainer.desirable_weight * 6, trainer.undesirable_weight * 7
    assert weights == pytest.approx((6.5, 6.5))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_several_replies_behind_one_prompt_score_and_learn_as_if_each_stood_alone(tiny, attention):
    network = copy.deepcopy(tiny.model)
    network.set_attn_implementation(attention)
    lines = [tuning.tokens(tiny, asked(i, 1 + i), *REPLIES) for i in range(2)]
    rows = [(prompt, reply) for prompt, *replies in lines for reply in replies]
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(p + r) for p, r in rows], True, 0)
    labels = torch.full_like(ids, -100)
    for i, (prompt, reply) in enumerate(rows):
        labels[i, len(prompt) : len(prompt) + len(reply)] = torch.tensor(reply)
    mask = (torch.arange(ids.shape[1]) < torch.tensor([[len(p) + len(r)] for p, r in rows])).long()

    logs = network(input_ids=ids, attention_mask=mask).logits[:, :-1].log_softmax(-1)
    alone = logs.gather(-1, labels[:, 1:, None].clamp(0))[..., 0] * (labels[:, 1:] != -100)
    alone.sum().backward()
    wanted = network.model.layers[0].mlp.up_proj.weight.grad.clone()
    network.zero_grad()
    tuning._share_prompts(network)
    together = network(input_ids=ids, attention_mask=mask, labels=labels).log_probs
    together.sum().backward()
    assert torch.allclose(together, alone, atol=1e-4)
    assert torch.allclose(network.model.layers[0].mlp.up_proj.weight.grad, wanted, rtol=1e-2, atol=1e-3)


def test_at_the_first_step_the_model_is_its_own_reference(tmp_path, tiny):
    record = tune.read_record(tune.train_dpo(PAIRS, tmp_path / "dpo", tiny))
    assert (record.steps, record.examples, record.losses) == (1, 6, (pytest.approx(math.log(2), abs=1e-3),))
    assert record.measured["rewards/margins"] == [pytest.approx(0, abs=1e-3)]
    record = tune.read_record(tune.train_kto(RATED, tmp_path / "kto", tiny))
    assert (record.steps, record.losses) == (1, (pytest.approx(0.5, abs=1e-3),))
    assert record.measured["kl"] == [pytest.approx(0, abs=1e-2)]


@pytest.mark.parametrize(("train", "examples"), [(tune.train_dpo, PAIRS), (tune.train_kto, RATED)])
def test_what_was_chosen_becomes_likelier_and_the_generator_stays_as_it_was(tmp_path, tiny, train, examples):
    before, names = margins(tiny), list(tiny.model.state_dict())
    out = train(examples, tmp_path / "tuned", tiny, epochs=6, **STEP)
    assert np.array_equal(margins(tiny), before) and list(tiny.model.state_dict()) == names
    assert not tiny.model.training and all(p.requires_grad for p in tiny.model.parameters())
    assert "forward" not in vars(tiny.model)
    record = tune.read_record(out)
    assert record.losses[-1] < record.losses[0] - 0.05
    gained = margins(models.load_tuned(out, tiny)) - before
    assert (gained > 1).all()
    last = [m for m in record.measured["rewards/margins"] if m is not None][-1]
    assert 0.02 < last / record.settings["beta"] / gained.mean() < 3
    assert not (out / "checkpoints").exists()


def test_an_adapter_sits_on_the_model_that_it_was_trained_on(tmp_path, tiny):
    tuned = replace(tiny, name="reader with sft", fingerprint="sft 1")
    out = tune.train_dpo(PAIRS, tmp_path / "dpo", tuned)
    record = tune.read_record(out)
    assert (record.base, record.base_fingerprint, record.settings["method"]) == ("reader with sft", "sft 1", "dpo")
    assert models.load_tuned(out, tuned).name == "reader with sft with dpo"
    with pytest.raises(ValueError, match="reader with sft"):
        models.load_tuned(out, replace(tiny, name="reader", fingerprint="reader 1"))


def test_pairs_that_teach_nothing_are_left_out_and_counted(tmp_path, tiny):
    same = Preference(asked(7), "30 days", " 30 days ")
    small = replace(tiny, max_length=max(tiny.count_tokens(p.messages) for p in PAIRS[:1]) + 40)
    long = Preference(asked(8, 40), *REPLIES[:2])
    record = tune.read_record(tune.train_dpo([same, PAIRS[0], long], tmp_path / "some", small))
    assert (record.examples, record.too_long) == (1, (2,))
    with pytest.raises(ValueError, match=r"of 3 pairs, 1 do not fit into the window.*others have two equal replies"):
        tune.train_dpo([same, long, same], tmp_path / "none", small)
    with pytest.raises(ValueError, match="of 0 pairs"):
        tune.train_dpo([], tmp_path / "none", tiny)
    with pytest.raises(ValueError, match="of 6, 6 are good, 0 bad"):
        tune.train_kto([row for row in RATED if row.good], tmp_path / "none", tiny)
    with pytest.raises(ValueError, match="at least two prompts"):
        tune.train_kto(RATED[:2], tmp_path / "none", tiny)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("train", "examples"), [(tune.train_dpo, PAIRS), (tune.train_kto, RATED)])
def test_a_loss_that_is_no_number_says_what_to_do(tmp_path, tiny, train, examples):
    broken = replace(tiny, model=copy.deepcopy(tiny.model))
    broken.model.model.norm.weight.data[0] = float("nan")
    with pytest.raises(ValueError, match="NaN at step 1: choose a lower learning rate"):
        train(examples, tmp_path / "nan", broken)
    assert not (tmp_path / "nan" / "training.json").exists() and "forward" not in vars(broken.model)


@pytest.mark.parametrize(("train", "examples"), [(tune.train_dpo, PAIRS), (tune.train_kto, RATED)])
def test_a_training_that_was_stopped_goes_on_at_its_last_checkpoint(tmp_path, tiny, monkeypatch, train, examples):
    whole = tune.read_record(train(examples, tmp_path / "whole", tiny, epochs=2, **STEP))
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0)
    begun, watching, stop = [], training.Progress.callback, [3]

    def callback(self):
        watch = watching(self)

        def on_step_begin(args, state, control, **_):
            begun.append(state.global_step)
            if state.global_step in stop:
                raise KeyboardInterrupt

        watch.on_step_begin = on_step_begin
        return watch

    monkeypatch.setattr(training.Progress, "callback", callback)
    with pytest.raises(KeyboardInterrupt):
        train(examples, tmp_path / "stopped", tiny, epochs=2, **STEP)
    assert begun == [0, 1, 2, 3] and "forward" not in vars(tiny.model)
    begun.clear(), stop.clear()
    record = tune.read_record(train(examples, tmp_path / "stopped", tiny, epochs=2, **STEP))
    assert begun == list(range(3, whole.steps)) and record.steps == whole.steps > 4
    assert record.losses == pytest.approx(whole.losses, rel=2e-2)
