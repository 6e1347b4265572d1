"""The generator loaded: the reader in every precision, adapters on one base, that of another base refused."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace

import pytest
from synthesis.reader import examples, rows
from tiny_model import tiny_folder

from labkit import models, paths, profiles
from labkit.models import base
from labkit.prompts import REFUSAL, Passage, answer_messages

CHATS = [[{"role": "user", "content": f"Which code has door {i}?"}] for i in range(3)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A model, and two adapters of it with large random weights."""
    import torch
    from peft import LoraConfig, get_peft_model

    root = tmp_path_factory.mktemp("several")
    model = tiny_folder(root / "model")
    for seed, name in enumerate(("first", "second")):
        torch.manual_seed(seed)
        network = models.load_generator(model, dtype="fp32").model
        lora = LoraConfig(r=4, lora_alpha=64, init_lora_weights=False, target_modules="all-linear")
        get_peft_model(network, lora).save_pretrained(root / name)
    return model, root / "first", root / "second"


@pytest.mark.parametrize("quantization", [None, "int8", "nf4"])
def test_adapters_beside_one_base_share_its_weights_and_nothing_else(folders, tmp_path, monkeypatch, quantization):
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path))
    base = replace(models.load_generator(folders[0], dtype="fp32", quantization=quantization), fingerprint="base")
    learned = [p.requires_grad for p in base.model.parameters()]
    tuned = [models.load_tuned(folder, base, merge=False) for folder in folders[1:]]
    assert len({base.fingerprint, *(t.fingerprint for t in tuned)}) == 3
    shared = {p.data_ptr() for p in base.model.parameters()}
    for one in tuned:
        own = [name for name, p in one.model.named_parameters() if p.data_ptr() not in shared]
        assert own and all("lora" in name for name in own)
    # Asked in turn, each replies as when it is loaded alone, live and from the disk.
    alone = [base, *(models.load_tuned(folder, base, merge=False) for folder in folders[1:])]
    wanted = [replace(one, fingerprint=None).generate(CHATS, 8, batch_size=1) for one in alone]
    assert len({tuple(replies) for replies in wanted}) == 3
    for _ in range(2):
        replies = [[g.generate([chat], 8)[0] for g in (base, *tuned)] for chat in CHATS]
        assert [list(column) for column in zip(*replies, strict=True)] == wanted
    assert [p.requires_grad for p in base.model.parameters()] == learned and not base.model.training


def test_an_adapter_beside_the_weights_is_not_taken_for_the_merged_one(folders):
    base = replace(models.load_generator(folders[0], dtype="fp32"), fingerprint="base")
    merged, beside = (models.load_tuned(folders[1], base, merge=merge) for merge in (True, False))
    assert merged.fingerprint != beside.fingerprint
    asked = CHATS, ["30 days"] * len(CHATS)
    first, second = (replace(g, fingerprint=None).log_likelihood(*asked) for g in (merged, beside))
    assert first == pytest.approx(second, abs=1e-3)


@pytest.mark.parametrize("beside", ["base v1 nf4", "base v1 None", None])
def test_the_adapter_of_another_base_is_refused(folders, tmp_path, beside):
    """Also where its sizes fit: weights of the same shape are another model."""
    adapter = tmp_path / "house"
    shutil.copytree(folders[1], adapter)
    base = replace(models.load_generator(folders[0], dtype="fp32"), fingerprint="base v1 None", name="other")
    (adapter / "training.json").write_text(json.dumps({"base_fingerprint": beside}))
    assert models.load_tuned(adapter, base)
    (adapter / "training.json").write_text(json.dumps({"base_fingerprint": "base v2 None"}))
    with pytest.raises(ValueError, match=r"adapter 'house' does not fit 'other': give it the model that"):
        models.load_tuned(adapter, base)
    assert models.load_tuned(adapter, replace(base, fingerprint=None))


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
