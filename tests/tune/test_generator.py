"""The generator learns replies and keeps its weights."""

from __future__ import annotations

import copy
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import numpy as np
import pytest
import transformers
from safetensors.torch import load_file
from tiny_model import CHATML, GEMMA, WORDS, tiny_folder, write_gguf

from labkit import models, paths, prompts, tune
from labkit.models import memory
from labkit.models.base import gguf_tokenizer
from labkit.tune import generator as tuning
from labkit.tune import training


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
    with pytest.raises(ValueError, match=r"no chats to train on.*every question, `questions\.survivors` counts"):
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
    monkeypatch.setattr(tuning, "ROWS", {"cpu": rows, "cuda": rows})
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


# Name of the configuration, template, layers that learn, and what the configuration has of its own.
ARCHITECTURES = {
    "Llama": (CHATML, "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj", {"tie_word_embeddings": True}),
    "Qwen2": (CHATML, "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj", {"tie_word_embeddings": False}),
    "Qwen3": (CHATML, "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj", {"head_dim": 16}),
    "Mistral": (WORDS, "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj", {"sliding_window": 64}),
    "Gemma2": (GEMMA, "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj", {"head_dim": 16}),
    "Gemma3Text": (GEMMA, "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj", {"sliding_window": 512}),
    "Phi3": (WORDS, "qkv_proj o_proj gate_up_proj down_proj", {}),
    "GPT2": (WORDS, "c_attn c_proj c_fc", dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)),
    "GPTNeoX": (WORDS, "query_key_value dense dense_h_to_4h dense_4h_to_h", {}),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("mixed", [False, True], ids=["fp32", "bf16"])
def test_any_architecture_is_trained_and_loaded(tmp_path, monkeypatch, name, mixed):
    """With the end token for padding; packed examples are read as if each stood alone, without bf16 to the digit."""
    import torch

    template, layers, own = ARCHITECTURES[name]
    tokenizer = gguf_tokenizer(write_gguf(tmp_path / "tiny.gguf"))
    tokenizer.chat_template, tokenizer.pad_token = template, tokenizer.eos_token
    special = {f"{kind}_token_id": getattr(tokenizer, f"{kind}_token_id") for kind in ("bos", "eos", "pad")}
    sizes = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, max_position_embeddings=1280)  # fmt: skip
    config = getattr(transformers, f"{name}Config")(
        vocab_size=len(tokenizer), initializer_range=0.3, **sizes, **special, **own
    )
    torch.manual_seed(0)
    network = transformers.AutoModelForCausalLM.from_config(config).eval()
    base = models.Generator(network, tokenizer, name, 1280)
    monkeypatch.setattr(models, "native_bf16", lambda: mixed)
    before = likelihoods(base)
    out = tune.train_generator(CHATS, tmp_path / "out", base, epochs=6, learning_rate=1e-2)
    lengths = [len(tokenizer(base.reply_text(c.messages, c.reply))["input_ids"]) for c in CHATS]
    first = -np.average(before, weights=lengths)
    assert tune.read_record(out).losses[0] == pytest.approx(first, rel=0.05 if mixed else 1e-4)
    assert np.array_equal(likelihoods(base), before)
    for merge in (True, False):
        assert likelihoods(models.load_tuned(out, base, merge)).mean() > before.mean() + 0.1
    saved = load_file(out / "adapter_model.safetensors")
    assert {key.split(".lora_")[0].rpartition(".")[2] for key in saved} == set(layers.split())


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
    monkeypatch.setattr(tuning, "ROWS", {"cpu": (128, 1), "cuda": (128, 1)})
    whole = tune.read_record(tune.train_generator(CHATS, tmp_path / "whole", tiny, **settings))
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0)
    begun, watching = [], training.Progress.callback

    def stopped_at(step):
        def callback(self):
            watch = watching(self)

            def on_step_begin(args, state, control, **_):
                begun.append(state.global_step)
                if state.global_step == step:
                    raise KeyboardInterrupt

            watch.on_step_begin = on_step_begin
            return watch

        monkeypatch.setattr(training.Progress, "callback", callback)

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


@contextmanager
def full_disk(free: int = 4096) -> Iterator[None]:
    """No file may grow beyond some bytes, as on a disk that is full: the libraries get a real error on writing."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_adapter_that_was_there(tmp_path, tiny):
    out = tmp_path / "door"
    for rank in (8, None):
        with full_disk(), pytest.raises(ValueError, match=r"door' cannot be written .*: free some space, or choose"):
            tune.train_generator(CHATS, out, tiny, rank=rank)
        assert [path.name for path in out.iterdir()] == ["checkpoints"]
    before = likelihoods(models.load_tuned(tune.train_generator(CHATS, out, tiny, learning_rate=3e-2), tiny))
    record = tune.read_record(out)
    with full_disk(), pytest.raises(ValueError, match="cannot be written"):
        tune.train_generator(CHATS[:3], out, tiny)
    assert np.array_equal(likelihoods(models.load_tuned(out, tiny)), before) and tune.read_record(out) == record


def test_a_disk_that_is_full_at_a_checkpoint_keeps_the_last_good_one(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(tuning, "ROWS", {"cpu": (128, 1), "cuda": (128, 1)})
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0)
    settings, out = dict(epochs=3, learning_rate=1e-2, batch_tokens=256), tmp_path / "stopped"
    save, saved = transformers.Trainer._save_checkpoint, []

    def fills_up(trainer, *given):
        saved.append(trainer.state.global_step)
        with full_disk() if len(saved) == 3 else nullcontext():
            save(trainer, *given)

    monkeypatch.setattr(transformers.Trainer, "_save_checkpoint", fills_up)
    with pytest.raises(ValueError, match=r"checkpoints' cannot be written .*it goes on at its last good checkpoint"):
        tune.train_generator(CHATS, out, tiny, **settings)
    left = out / "checkpoints"
    assert sorted(p.name for p in left.glob("checkpoint-*")) == ["checkpoint-1", "checkpoint-2"]
    record = tune.read_record(tune.train_generator(CHATS, out, tiny, **settings))
    assert saved == [1, 2, 3, *range(3, record.steps)] and not left.exists()


KILLED = """
import sys
from pathlib import Path
import torch
from labkit import models, tune
from labkit.tune import generator as tuning, training
torch.set_num_threads(1)
training.CHECKPOINT_SECONDS, tuning.ROWS = 0, {"cpu": (128, 1), "cuda": (128, 1)}
chats = [tune.Chat(({"role": "user", "content": f"Which code has door {i}?"},), f"blue {i}") for i in range(6)]
base = models.load_generator(sys.argv[1], dtype="fp32")
tune.train_generator(chats, Path(sys.argv[2]), base, epochs=20, learning_rate=1e-2, batch_tokens=128)
"""


def test_a_training_that_was_killed_goes_on_when_it_is_started_again(tmp_path, monkeypatch):
    model, out = tiny_folder(tmp_path / "model"), tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(model), str(out)], stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None and not list(out.glob("checkpoints/checkpoint-*/trainer_state.json")):
            time.sleep(0.01)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL and not (out / "adapter_model.safetensors").exists()
    begun, last = [], training.Checkpoints.last
    monkeypatch.setattr(training.Checkpoints, "last", lambda self: begun.append(last(self)) or begun[-1])
    monkeypatch.setattr(tuning, "ROWS", {"cpu": (128, 1), "cuda": (128, 1)})
    chats = [tune.Chat(({"role": "user", "content": f"Which code has door {i}?"},), f"blue {i}") for i in range(6)]
    base = models.load_generator(model, dtype="fp32")
    tune.train_generator(chats, out, base, epochs=20, learning_rate=1e-2, batch_tokens=128)
    assert begun[0] and "checkpoint-" in begun[0]
    assert len(tune.read_record(out).losses) == tune.read_record(out).steps
    assert (likelihoods(models.load_tuned(out, base), chats) > likelihoods(base, chats) + 1).all()


# A step of 9 rows has 9 wherever it is trained: read as three times three where six would fit.
@pytest.mark.parametrize(
    ("free", "in_step", "rows"), [(9000.0, 6, 6), (9000.0, 9, 3), (9000.0, 4, 4), (5900.0, 6, 3), (100.0, 6, 1)]
)
def test_as_many_rows_are_read_at_once_as_fit_on_a_gpu(tiny, monkeypatch, capsys, free, in_step, rows):
    need = models.MemoryEstimate(500.0, 100.0, 1000.0)
    monkeypatch.setattr(models, "device", lambda: "cuda")
    monkeypatch.setattr(models, "estimate_memory", lambda *_, **__: need)
    for module in (tuning, memory):
        monkeypatch.setattr(module, "free_mb", lambda: free)
    assert tuning._rows_that_fit(tiny, 8, in_step, 6, 1024) == rows
    assert ("Training reader, its weights aside, needs about 1,100 MB" in capsys.readouterr().out) == (free < 1100)
