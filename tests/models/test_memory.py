"""Memory estimated from a configuration: against weights that are loaded, measured peaks, and sizes of downloads."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
from tiny_model import tiny_folder

from labkit import models, paths, profiles
from labkit.models import loading, memory

# The sizes of the profiles' models, as their configurations on the hub say.
QWEN_7B = dict(vocab_size=152064, hidden_size=3584, intermediate_size=18944, num_hidden_layers=28,
               num_attention_heads=28, num_key_value_heads=4, tie_word_embeddings=False)  # fmt: skip
QWEN_4B = dict(vocab_size=151936, hidden_size=2560, intermediate_size=9728, num_hidden_layers=36,
               num_attention_heads=32, num_key_value_heads=8, head_dim=128, tie_word_embeddings=True)  # fmt: skip
SMALL = dict(vocab_size=300, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2)  # fmt: skip


def config_of(name: str, **values):
    import transformers

    return getattr(transformers, f"{name}Config")(**values)


@pytest.mark.parametrize(("name", "own"), [
    ("Llama", {"tie_word_embeddings": True}), ("Qwen2", {"tie_word_embeddings": False}),
    ("Gemma2", {"head_dim": 16}), ("Phi3", {"pad_token_id": 0}), ("GPT2", {}), ("GPTNeoX", {}),
])  # fmt: skip
def test_weights_are_those_of_a_model_that_is_made(name, own):
    from transformers import AutoModelForCausalLM

    config = config_of(name, **SMALL, **own)
    made = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    wanted = sum(p.numel() * p.element_size() for p in made.parameters()) / 1e6
    need = models.estimate_memory(config, dtype="bf16", quantization=None, rank=2, length=64)
    assert need.weights == pytest.approx(wanted) and 0 < need.trained < 16 * wanted / 2 and need.activations > 0
    assert need.total == need.weights + need.trained + need.activations
    small = models.estimate_memory(config, dtype="bf16", quantization="nf4")
    assert small.weights < need.weights and small.trained == 0


@pytest.mark.parametrize("quantization", [None, "int8", "nf4"])
def test_weights_are_those_of_a_model_that_is_loaded(tmp_path, quantization):
    folder = tiny_folder(tmp_path / "model")
    loaded = models.load_generator(folder, dtype="fp32", quantization=quantization)
    need = models.estimate_memory(folder, dtype="fp32", quantization=quantization)
    # Its size as transformers says it has the scales of NF4 not in it.
    assert need.weights == pytest.approx(loaded.memory_mb(), rel=0.03)


ARMS = {
    "lora-lr0.001-s0": ("bf16", None, 8), "qlora-lr0.001-s0": ("bf16", "nf4", 8),
    "full-lr0.0001-s0": ("fp32", None, None),
}  # fmt: skip


@pytest.mark.parametrize("arm", ARMS)
def test_peaks_of_the_shipped_trainings_are_estimated(real_base, monkeypatch, arm):
    notes = json.loads((paths.shipped_results() / "finetuning" / f"{arm}.json").read_text())
    training = notes["training"]
    if "NVIDIA" not in notes["made_on"]:
        pytest.skip("made without a GPU, where the memory is that of the process")
    monkeypatch.setattr(memory, "native_bf16", lambda: True)
    dtype, quantization, rank = ARMS[arm]
    # Six rows at once, as long as the tokens of a step say.
    length = round(training["tokens"] / training["steps"] / 6)
    shape = dict(dtype=dtype, quantization=quantization, rank=rank, rows=6, length=length)
    need = models.estimate_memory(profiles.BASE, **shape)
    assert need.total == pytest.approx(training["peak_mb"], rel=0.1)


TRAINED = """
import sys
from dataclasses import replace
from pathlib import Path
import psutil, torch
from transformers import LlamaConfig, LlamaForCausalLM
from tiny_model import tiny_folder
from labkit import models, tune
from labkit.tune import generator as tuning

torch.set_num_threads(1)
models.native_bf16 = lambda: False
tuning.ROWS = {"cpu": (1024, 1)}
out = Path(sys.argv[1])
tiny = models.load_generator(tiny_folder(out / "tiny"), dtype="fp32")
tune.train_generator([tune.Chat(({"role": "user", "content": "x"},), "y")], out / "first", tiny)
before = psutil.Process().memory_info().rss / 1e6
config = LlamaConfig(vocab_size=16000, hidden_size=512, intermediate_size=1536, num_hidden_layers=8,
                     num_attention_heads=8, num_key_value_heads=4, max_position_embeddings=1280)
big = replace(tiny, model=LlamaForCausalLM(config), max_length=1024)
half = " the contract" * 250
chats = [tune.Chat(({"role": "user", "content": half},), half)]
record = tune.read_record(tune.train_generator(chats, out / "second", big))
need = models.estimate_memory(config, dtype="fp32", quantization=None, rank=8, rows=1, length=record.tokens)
print("peak", record.peak_mb - before, need.total)
"""


def test_the_peak_of_a_random_model_is_estimated(tmp_path):
    """In a process of its own, which gives memory back as soon as it is free."""
    env = os.environ | {"PYTHONPATH": str(paths.checkout() / "tests"), "MALLOC_MMAP_THRESHOLD_": "65536"}
    command = [sys.executable, "-c", TRAINED, str(tmp_path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    measured, estimated = map(float, done.stdout.split("peak ")[1].split())
    assert estimated == pytest.approx(measured, rel=0.15)


@pytest.mark.parametrize(("profile", "name", "sizes", "weights"), [
    ("t4", "Qwen3", QWEN_4B, 2653), ("gpu24", "Qwen2", QWEN_7B, 5547), ("gpu80", "Qwen2", QWEN_7B, 15231),
])  # fmt: skip
def test_profiles_are_estimated_before_anything_is_downloaded(profile, name, sizes, weights):
    config = config_of(name, **sizes)
    assert models.estimate_memory(config, profile=profile).weights == pytest.approx(weights, abs=1)
    # The download is in bf16.
    download = models.estimate_memory(config, dtype="bf16", quantization=None).weights / 1000
    assert download == pytest.approx(profiles.get(profile).generator.gigabytes, rel=0.02)


def test_what_may_not_fit_is_said_before_it_is_loaded(tmp_path, monkeypatch, capsys):
    folder = tiny_folder(tmp_path / "model")
    assert memory.free_mb() > 100
    models.load_generator(folder)
    assert "may not fit" not in capsys.readouterr().out
    monkeypatch.setattr(memory, "free_mb", lambda: 0.1)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loading, "_load_causal", stop)
    with pytest.raises(KeyboardInterrupt):
        models.load_generator(folder)
    said = capsys.readouterr().out
    assert "needs about" in said and "0 MB are free here: it may not fit. Choose another profile" in said


def test_a_model_without_a_configuration_is_told(tmp_path):
    with pytest.raises(ValueError, match="could not be loaded"):
        models.estimate_memory(tmp_path)
