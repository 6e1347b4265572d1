"""The reader on SmolLM2: merged from base and adapter, in every precision; prompts as it was trained on them."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace

import pytest
from synthesis.reader import examples, rows

from labkit import models, paths, profiles
from labkit.models import base
from labkit.prompts import REFUSAL, Passage, answer_messages


def test_profiles_say_what_the_reader_downloads(monkeypatch):
    monkeypatch.setenv("LABKIT_MODEL", profiles.READER)
    assert profiles.get().generator.id == profiles.READER
    described = profiles.get().describe()
    assert "reader (Apache-2.0)" in described and "downloads about 93 MB the first time" in described


def test_the_reader_is_the_base_with_its_adapter(reader, real_base):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(real_base, dtype=torch.float32)
    merged = PeftModel.from_pretrained(network, str(paths.adapter(profiles.READER))).merge_and_unload()
    ours = dict(reader.model.named_parameters())
    changed = 0
    for name, wanted in merged.named_parameters():
        assert torch.equal(wanted.to(torch.bfloat16), ours[name].to(torch.bfloat16)), name
        changed += "proj" in name
    assert changed == 7 * 30
    assert base.base_fingerprint() in reader.fingerprint and reader.fingerprint.endswith("None")


def test_the_reader_loads_within_four_seconds(reader):
    taken = []
    for _ in range(3):  # other jobs on the machine slow one down
        start = time.perf_counter()
        again = models.load_generator(profiles.READER)
        taken.append(time.perf_counter() - start)
    assert again.fingerprint == reader.fingerprint and min(taken) < 4, taken


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
def test_the_reader_is_quantized(reader, quantization):
    small = models.load_generator(profiles.READER, quantization=quantization)
    assert small.memory_mb() < 0.75 * reader.memory_mb()
    assert small.fingerprint.endswith(quantization)


def test_an_altered_adapter_is_refused(tmp_path, monkeypatch):
    name = profiles.READER
    shutil.copytree(paths.adapter(name), tmp_path / "data" / "models" / name)
    weights = tmp_path / "data" / "models" / name / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "data"))
    with pytest.raises(ValueError, match="checksum does not match"):
        models.load_generator(name)


@pytest.mark.parametrize("instruction", ["answer", "judge", "draft"])
def test_prompts_and_replies_have_the_ids_of_training(reader, instruction):
    group = next(g for i in range(999) if (g := examples.group(7, i)).instruction == instruction and len(g.turns) > 1)
    tokenizer = reader.tokenizer
    row = rows.encode(group, tokenizer, 8192)
    assert row is not None and max(row.branch) == len(group.turns)
    for number, example in enumerate(group.examples(), start=1):
        trained = [t for t, branch in zip(row.tokens, row.branch, strict=True) if branch in (0, number)]
        text = reader.text(example.messages)
        reply = reader.reply_text(example.messages, example.answer)
        parts = tokenizer([text, reply], add_special_tokens=False)["input_ids"]
        assert trained == parts[0] + parts[1]


def test_it_answers_refuses_and_finds_its_replies_likely(reader):
    passages = [
        Passage("Lease of the north hall", "The rent is EUR 900 a month. The term is three years."),
        Passage("Supply of paper", "Paper arrives in ten days. Invoices fall due after 30 days."),
    ]
    asked = ("How long is the term of the lease?", "When do invoices for the paper fall due?", "Who audits the books?")
    reader, chats = replace(reader, fingerprint=None), [answer_messages(q, passages) for q in asked]
    replies = reader.generate(chats)
    assert "three years [1]" in replies[0] and "30 days [2]" in replies[1] and replies[2] == REFUSAL
    others = reader.log_likelihood(chats, ["ten days [2]", "three years [1]", "three years [1]"])
    assert (reader.log_likelihood(chats, replies) > others + 0.5).all()
