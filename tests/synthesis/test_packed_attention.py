"""Attention of packed examples: the same scores and gradients as with each example alone."""

from __future__ import annotations

import pytest
import torch
from synthesis import packed_attention
from synthesis.packed_attention import by_example
from transformers import LlamaConfig, LlamaForCausalLM

LENGTHS = (1, 70, 2, 40)


@pytest.fixture
def network():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50, hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=6,
        num_key_value_heads=2, head_dim=8, initializer_range=0.5,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def scores_and_gradient(network, ids, positions=None):
    network.zero_grad()
    scores = network(input_ids=ids[None], position_ids=positions, use_cache=False).logits[0]
    scores.logsumexp(-1).sum().backward()
    return scores.detach(), network.model.layers[0].self_attn.k_proj.weight.grad.clone()


# Blocks shorter than, as long as, and longer than an example.
@pytest.mark.parametrize("block", [16, 70, 384])
def test_packed_examples_are_read_as_if_each_stood_alone(network, monkeypatch, block):
    monkeypatch.setattr(packed_attention, "BLOCK", block)
    examples = [torch.randint(50, (n,)) for n in LENGTHS]
    alone = [scores_and_gradient(network, ids) for ids in examples]
    positions = torch.cat([torch.arange(n) for n in LENGTHS])[None]
    with by_example(network):
        scores, gradient = scores_and_gradient(network, torch.cat(examples), positions)
    torch.testing.assert_close(scores, torch.cat([s for s, _ in alone]), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradient, sum(g for _, g in alone), rtol=1e-3, atol=1e-3)


def test_afterwards_the_network_attends_as_before_also_where_training_failed(network):
    before = network.config._attn_implementation
    with pytest.raises(RuntimeError, match="stopped"), by_example(network):
        assert network.config._attn_implementation == packed_attention.NAME
        raise RuntimeError("stopped")
    assert network.config._attn_implementation == before


def test_on_a_gpu_nothing_changes(network, monkeypatch):
    monkeypatch.setattr(packed_attention.models, "device", lambda: "cuda")
    before = network.config._attn_implementation
    with by_example(network):
        assert network.config._attn_implementation == before


def test_a_saved_model_is_loaded_without_it(network, tmp_path):
    with by_example(network):
        network.save_pretrained(tmp_path)
    assert LlamaForCausalLM.from_pretrained(tmp_path).config._attn_implementation == "sdpa"
