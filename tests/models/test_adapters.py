"""Several adapters on one base: weights shared, replies kept apart, and the adapter of another base refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from tiny_model import tiny_folder

from labkit import models

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
