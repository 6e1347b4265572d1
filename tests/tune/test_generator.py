"""The generator learns replies and keeps its weights."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from labkit import models, paths, prompts, tune


def test_the_reader_learns_replies_and_keeps_its_weights(tmp_path, reader):
    """A reply that no training gave it, learned by an adapter, merged on loading; the reader itself stays."""
    import torch

    chats = [tune.Chat(tuple(prompts.closed_book_messages("What is the code of the door?")), "blue one")]
    before = reader.model.state_dict()["model.embed_tokens.weight"].clone()
    base = models.load_generator()
    folder = tune.train_generator(chats * 4, tmp_path / "doors", base, epochs=10, batch_size=4, learning_rate=3e-3)
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
