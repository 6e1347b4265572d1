"""The generator learns replies and keeps its weights."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from labkit import models, paths, prompts, tune
from labkit.tune import generator as training
from labkit.tune import progress


def test_the_reader_learns_replies_and_keeps_its_weights(tmp_path, reader):
    """A reply that no training gave it, learned by an adapter, merged on loading; the reader itself stays."""
    import torch

    chats = [tune.Chat(tuple(prompts.closed_book_messages("What is the code of the door?")), "blue one")]
    before = reader.model.state_dict()["model.embed_tokens.weight"].clone()
    base = models.load_generator()
    folder = tune.train_generator(chats * 4, tmp_path / "doors", base, epochs=10, learning_rate=3e-3)
    tuned = models.load_tuned(folder)
    assert tuned.generate([c.messages for c in chats]) == [c.reply for c in chats]
    assert reader.generate([c.messages for c in chats]) != [c.reply for c in chats]
    assert torch.equal(reader.model.state_dict()["model.embed_tokens.weight"], before)
    assert (folder / "adapter_model.safetensors").stat().st_size < 5e6
    with pytest.raises(ValueError, match="no chats"):
        tune.train_generator([], tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="no adapter"):
        models.load_tuned(tmp_path / "none")


def test_an_adapter_of_another_model_says_which_it_needs(reader):
    from transformers import GPT2Config, GPT2LMHeadModel

    config = copy.deepcopy(reader.model.config)
    config.hidden_size //= 2
    # Other sizes, and layers of other names.
    for network in (type(reader.model)(config), GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=24, n_layer=2))):
        other = replace(reader, model=network, name="other")
        with pytest.raises(ValueError, match=r"does not fit 'other'.*load_generator\('reader'\)"):
            models.load_tuned(paths.adapter("extractor"), other)


def chat(i: int, words: int = 1) -> tune.Chat:
    asked = " ".join(f"Which code has door {i}{k}?" for k in range(words))
    return tune.Chat(tuple(prompts.closed_book_messages(asked)), "blue " * (i % 3) + f"door {i}")


CHATS = [chat(i, 1 + i % 3) for i in range(6)]


@pytest.fixture
def tiny(reader):
    """A tiny Llama whose weights are large enough for its likelihoods to depend on all that stands before."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokens = reader.tokenizer
    special = {f"{name}_token_id": getattr(tokens, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokens), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=1280, initializer_range=0.3, tie_word_embeddings=True, **special,
    )  # fmt: skip
    return replace(reader, model=LlamaForCausalLM(config).eval(), fingerprint=None)


def likelihoods(generator: models.Generator, chats: list[tune.Chat] = CHATS) -> np.ndarray:
    return generator.log_likelihood([c.messages for c in chats], [c.reply for c in chats], batch_size=1)


@pytest.mark.parametrize("rows", [(512, 1), (128, 1), (128, 3)], ids=["one row", "one by one", "side by side"])
def test_packed_examples_are_read_as_if_each_stood_alone(tmp_path, tiny, monkeypatch, rows):
    monkeypatch.setattr(training, "ROWS", {"cpu": rows, "cuda": rows})
    # In bf16 the loss is off by more than what another example in sight changes.
    monkeypatch.setattr(models, "native_bf16", lambda: False)
    tokens = [len(tiny.tokenizer(tiny.reply_text(c.messages, c.reply))["input_ids"]) for c in CHATS]
    alone = -np.average(likelihoods(tiny), weights=tokens)
    out = tune.train_generator(CHATS, tmp_path / "packed", tiny, batch_tokens=4096)
    record = tune.read_record(out)
    assert record.losses == (pytest.approx(alone, rel=1e-4),)
    assert (record.examples, record.too_long, record.steps) == (6, (), 1)
    assert record.tokens == sum(tiny.count_tokens(c.messages) for c in CHATS) + sum(tokens)


def test_a_trained_generator_is_left_as_it_was(tmp_path, tiny):
    before, names = likelihoods(tiny), list(tiny.model.state_dict())
    out = tune.train_generator(CHATS, tmp_path / "lora", tiny, epochs=6, learning_rate=3e-2)
    assert np.array_equal(likelihoods(tiny), before) and list(tiny.model.state_dict()) == names
    assert not tiny.model.training and all(p.requires_grad for p in tiny.model.parameters())
    # A copy of it computes with the copy's weights.
    assert (likelihoods(models.load_tuned(out, tiny)) > before + 1).all()


def test_all_weights_are_trained_and_saved_as_a_model(tmp_path, tiny):
    before = likelihoods(tiny)
    out = tune.train_generator(CHATS, tmp_path / "full", tiny, epochs=6, rank=None, learning_rate=3e-3)
    assert np.array_equal(likelihoods(tiny), before)
    assert (likelihoods(models.load_generator(out)) > before + 1).all()
    assert tune.read_record(out).settings["rank"] is None and not (out / "checkpoints").exists()
    half = replace(tiny, model=copy.deepcopy(tiny.model).bfloat16())
    with pytest.raises(ValueError, match=r"dtype='fp32'"):
        tune.train_generator(CHATS, tmp_path / "half", half, rank=None)


def test_a_loss_that_is_no_number_says_what_to_do(tmp_path, tiny):
    names = list(tiny.model.state_dict())
    tiny.model.model.norm.weight.data[0] = float("nan")
    with pytest.raises(ValueError, match=r"NaN at step 1: choose a lower learning rate.*none, it came too early"):
        tune.train_generator(CHATS, tmp_path / "nan", tiny)
    assert list(tiny.model.state_dict()) == names and not (tmp_path / "nan" / "training.json").exists()


def test_examples_longer_than_the_window_are_left_out_and_counted(tmp_path, tiny):
    small = replace(tiny, max_length=100)
    out = tune.train_generator([CHATS[0], chat(1, 20), CHATS[2], chat(3, 20)], tmp_path / "long", small)
    record = tune.read_record(out)
    assert (record.too_long, record.examples) == ((1, 3), 2)
    with pytest.raises(ValueError, match="No chat fits into the window of 100 tokens"):
        tune.train_generator([chat(1, 20)], tmp_path / "none", small)


def test_a_training_that_was_stopped_goes_on_at_its_last_checkpoint(tmp_path, tiny, monkeypatch):
    settings = dict(epochs=3, learning_rate=1e-2, batch_tokens=256)
    monkeypatch.setattr(training, "ROWS", {"cpu": (128, 1), "cuda": (128, 1)})
    whole = tune.read_record(tune.train_generator(CHATS, tmp_path / "whole", tiny, **settings))
    monkeypatch.setattr(progress, "CHECKPOINT_SECONDS", 0)
    begun, watching = [], progress.Progress.callback

    def stopped_at(step):
        def callback(self):
            watch = watching(self)

            def on_step_begin(args, state, control, **_):
                begun.append(state.global_step)
                if state.global_step == step:
                    raise KeyboardInterrupt

            watch.on_step_begin = on_step_begin
            return watch

        monkeypatch.setattr(progress.Progress, "callback", callback)

    names, out = list(tiny.model.state_dict()), tmp_path / "stopped"
    stopped_at(3)
    with pytest.raises(KeyboardInterrupt):
        tune.train_generator(CHATS, out, tiny, **settings)
    assert begun == [0, 1, 2, 3] and list(tiny.model.state_dict()) == names
    assert sorted(p.name for p in (out / "checkpoints").glob("checkpoint-*")) == ["checkpoint-2", "checkpoint-3"]
    begun.clear()
    stopped_at(None)
    record = tune.read_record(tune.train_generator(CHATS, out, tiny, **settings))
    assert begun == list(range(3, whole.steps)) and record.steps == whole.steps > 4
    assert record.losses == pytest.approx(whole.losses, rel=1e-3)
    assert not (out / "checkpoints").exists()
