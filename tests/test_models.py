"""Models from the hub cannot be loaded here; their loading code is tested on small ones made on the spot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from synthesis.reader import examples

from labkit import models, profiles, prompts
from labkit.prompts import Passage, answer_messages

LLAMA = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}"
    "<|eot_id|>{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
QWEN = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
FAMILIES = {"llama": LLAMA, "qwen": QWEN, "gemma": GEMMA}


def _network(family: str, size: int):
    from transformers import (
        Gemma2Config,
        Gemma2ForCausalLM,
        LlamaConfig,
        LlamaForCausalLM,
        Qwen2Config,
        Qwen2ForCausalLM,
    )

    common = dict(
        vocab_size=size,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    torch.manual_seed(0)
    if family == "llama":
        return LlamaForCausalLM(LlamaConfig(**common))
    if family == "qwen":
        return Qwen2ForCausalLM(Qwen2Config(**common))
    return Gemma2ForCausalLM(Gemma2Config(**common, head_dim=16))


@pytest.fixture(scope="session", params=list(FAMILIES))
def hub_folder(request, tmp_path_factory) -> tuple[str, Path]:
    """A randomly initialised model of a family, with its chat template, as the hub would give it."""
    from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
    from tokenizers import models as tokenizer_models
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp(request.param)
    core = Tokenizer(tokenizer_models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    core.train_from_iterator(["Answer the question from the passages."], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = FAMILIES[request.param]
    tokenizer.save_pretrained(folder)
    # Families pad their vocabulary: AutoTokenizer may add the family's own special tokens.
    _network(request.param, len(tokenizer) + 64).save_pretrained(folder)
    return request.param, folder


PROMPTS = [
    answer_messages("How long is it?", [Passage("Contract A", "It lasts three years.")]),
    answer_messages("Who pays?", [Passage("Contract B", "The buyer pays within 45 days of the invoice. " * 3)]),
    answer_messages("Where?", []),
]


def test_families_load_and_answer_through_their_own_template(hub_folder):
    family, folder = hub_folder
    generator = models.load_generator(folder, dtype="fp32")
    text = generator.text(PROMPTS[0])
    assert "Contract A" in text and "cite the passage" in text
    mark = {"llama": "<|start_header_id|>assistant", "qwen": "<|im_start|>assistant", "gemma": "<start_of_turn>model"}
    assert text.rstrip().endswith(mark[family] + ("<|end_header_id|>" if family == "llama" else ""))
    replies = generator.generate(PROMPTS, max_new_tokens=8)
    assert len(replies) == 3


def test_batches_answer_like_single_prompts(hub_folder):
    generator = models.load_generator(hub_folder[1], dtype="fp32")
    together = generator.generate(PROMPTS, max_new_tokens=12)
    alone = [generator.generate([p], max_new_tokens=12)[0] for p in PROMPTS]
    assert together == alone


@pytest.mark.parametrize(("dtype", "same"), [("fp32", 1.0), ("bf16", 0.995)])
def test_the_reader_answers_in_batches_as_one_by_one(dtype, same):
    generator = models.load_generator(dtype=dtype)
    generator.fingerprint = None  # nothing from the disk
    chats = [e.messages for name in ("closed_book", "rewrite") for e in examples.evaluation(20, 1, instruction=name)]
    together = generator.generate(chats, max_new_tokens=16, batch_size=8)
    alone = generator.generate(chats, max_new_tokens=16, batch_size=1)
    agree = sum(a == b for a, b in zip(together, alone, strict=True))
    assert agree >= same * len(chats), f"{agree} of {len(chats)} replies are the same"


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
def test_quantized_models_are_smaller_and_answer(hub_folder, quantization):
    full = models.load_generator(hub_folder[1], dtype="fp32")
    small = models.load_generator(hub_folder[1], dtype="fp32", quantization=quantization)
    assert small.memory_mb() < full.memory_mb()
    assert len(small.generate(PROMPTS[:1], max_new_tokens=4)) == 1


def test_bf16_halves_the_memory(hub_folder):
    full = models.load_generator(hub_folder[1], dtype="fp32")
    half = models.load_generator(hub_folder[1], dtype="bf16")
    assert half.memory_mb() == pytest.approx(full.memory_mb() / 2, rel=0.01)


def test_a_model_that_does_not_exist_says_what_to_do(tmp_path):
    for name in ("no-such-owner/no-such-model", str(tmp_path / "nothing")):
        with pytest.raises(ValueError, match="LABKIT_MODEL"):
            models.load_generator(name)
    with pytest.raises(ValueError, match="LABKIT_EMBEDDER"):
        models.load_embedder("no-such-owner/no-such-model")


def test_a_damaged_folder_says_so(hub_folder, tmp_path):
    import shutil

    folder = tmp_path / "damaged"
    shutil.copytree(hub_folder[1], folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ValueError, match="missing or damaged"):
        models.load_generator(folder)


def test_unknown_settings_say_what_there_is(hub_folder):
    with pytest.raises(ValueError, match="embedded"):
        profiles.get("laptop")
    with pytest.raises(ValueError, match="bf16"):
        models.load_generator(hub_folder[1], dtype="half")
    with pytest.raises(ValueError, match="nf4"):
        models.load_generator(hub_folder[1], quantization="fp4")


def test_a_model_without_chat_template_is_refused(hub_folder, tmp_path):
    import json
    import shutil

    folder = tmp_path / "bare"
    shutil.copytree(hub_folder[1], folder)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match="chat template"):
        models.load_generator(folder)


def test_a_prompt_beyond_the_window_is_refused(hub_folder):
    generator = models.load_generator(hub_folder[1], dtype="fp32")
    generator.max_length = 64
    with pytest.raises(ValueError, match="window"):
        generator.generate([answer_messages("Why?", [Passage("Long", "word " * 200)])])


def test_profiles_say_what_they_download_and_where_they_were_tried():
    assert "downloads about 93 MB the first time" in profiles.get("embedded").describe()
    text = profiles.get("t4").describe()
    assert "GB" in text and "not yet tried on this hardware" in text and "Apache-2.0" in text
    for profile in profiles.PROFILES.values():
        assert profile.name == "embedded" or profile.generator.revision


def test_a_profile_holds_what_the_design_names_and_what_is_read():
    named = {"name", "generator", "embedder", "tried", "minutes"}
    sizes = {"dtype", "quantization", "max_length", "max_new_tokens", "batch_size", "lora_rank", "epochs", "sample"}
    assert set(profiles.Profile.__dataclass_fields__) == named | sizes


def test_environment_replaces_models(monkeypatch):
    monkeypatch.setenv("LABKIT_MODEL", "some/model")
    monkeypatch.setenv("LABKIT_PROFILE", "cpu")
    assert profiles.get().generator.id == "some/model"
    assert "not known" in profiles.get().describe() and "downloads nothing" not in profiles.get("embedded").describe()
    assert profiles.get("embedded").dtype == "auto"
    assert profiles.get("embedded").embedder.id == profiles.MINILM


@pytest.fixture
def fresh_embedder(embedder, tmp_path, monkeypatch):
    """The shipped embedder with an empty cache of its own."""
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path))
    return models.Embedder(lambda: embedder.model, embedder.name)


def test_embedder_caches_by_content(fresh_embedder, monkeypatch):
    calls = []
    original = fresh_embedder.model.encode
    counted = lambda texts, **settings: calls.append(len(texts)) or original(texts, **settings)  # noqa: E731
    monkeypatch.setattr(fresh_embedder.model, "encode", counted)
    first = fresh_embedder.encode(["one sentence for the cache", "two sentences for the cache"])
    reopened = models.Embedder(fresh_embedder.load, fresh_embedder.name)
    again = reopened.encode(["two sentences for the cache", "one sentence for the cache", "a third"])
    assert calls == [2, 1]
    assert (again[1] == first[0]).all()
    assert torch.tensor(first).norm(dim=1).allclose(torch.ones(2), atol=1e-5)


def test_a_single_text_or_chat_in_place_of_a_list_is_refused(embedder, reader):
    from llama_index.core.llms import MockLLM

    with pytest.raises(ValueError, match="list of texts"):
        embedder.encode("rent")
    messages = answer_messages("Why?", [Passage("A", "first")])
    theirs = models.from_llama_index(MockLLM())
    for refused in (
        lambda: reader.generate(messages),
        lambda: reader.log_likelihood(messages, ["a", "b"]),
        lambda: theirs.generate(messages),
    ):
        with pytest.raises(ValueError, match="list of chats"):
            refused()


def test_replies_are_kept_on_disk_by_content(reader, monkeypatch):
    chats = [
        prompts.answer_messages("Who pays?", [prompts.Passage("Lease", f"The tenant pays EUR {n}.")]) for n in (1, 2)
    ]
    first = reader.generate(chats)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("generated again")

    monkeypatch.setattr(models.Generator, "_generate", lambda self, texts, *rest: [refuse() for _ in texts])
    assert reader.generate(chats) == first
    with pytest.raises(AssertionError, match="generated again"):
        reader.generate(chats, max_new_tokens=3)


def test_likelihood_does_not_depend_on_the_batch(reader):
    chats = [
        prompts.answer_messages("Who pays?", [prompts.Passage("Lease", "The tenant pays. " * n)]) for n in (1, 9, 3)
    ]
    replies = ["the tenant [1]", prompts.REFUSAL, "the tenant [1]"]
    together = reader.log_likelihood(chats, replies)
    alone = [replace(reader, fingerprint=None).log_likelihood([c], [r])[0] for c, r in zip(chats, replies, strict=True)]
    assert together.shape == (3,) and (together < 0).all()
    assert together.tolist() == pytest.approx(alone, abs=0.05)


def test_any_llama_index_llm_is_a_generator():
    from llama_index.core.llms import MockLLM

    generator = models.from_llama_index(MockLLM(max_tokens=5))
    chat = prompts.answer_messages("Who pays?", [])
    assert generator.generate([chat, chat])[0] and 0 < generator.count_tokens(chat) < generator.room()
    with pytest.raises(NotImplementedError, match="cross-encoder"):
        generator.log_likelihood([chat], ["x"])
