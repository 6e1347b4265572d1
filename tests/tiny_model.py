"""A tiny Llama with random weights and a real tokenizer, as a GGUF file, for tests of conversion and training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
GEMMA = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
# Drops a system message, and marks no reply as such.
WORDS = (
    "{% for m in messages %}{% if m.role == 'user' %}USER: {{ m.content }}\n"
    "{% elif m.role == 'assistant' %}ASSISTANT: {{ m.content }}{{ eos_token }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
WIDTH, HEADS, KEYS, INNER, LAYERS = 64, 4, 2, 128, 2


def write_gguf(file: Path, architecture: str = "llama", seed: int = 0, template: str = CHATML) -> Path:
    """Write the file; its tokenizer is SmolLM2's kind (`tokenizer.ggml.pre` is "smollm")."""
    from gguf import GGUFWriter, TokenType

    tokens, merges = _vocabulary()
    writer = GGUFWriter(file, architecture)
    writer.add_context_length(4096)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEYS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL if t in SPECIAL else TokenType.NORMAL for t in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index("<|im_start|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_unk_token_id(tokens.index("<|endoftext|>"))
    writer.add_pad_token_id(tokens.index("<|im_end|>"))
    writer.add_chat_template(template)
    rng = np.random.default_rng(seed)
    for name, shape in _shapes(len(tokens)).items():
        values = np.ones(shape) if len(shape) == 1 else rng.normal(0, 0.2, shape)
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def tiny_folder(folder: Path) -> Path:
    """The model converted: safetensors and tokenizer in a new folder."""
    from labkit.models import base

    folder.mkdir()
    base.convert(write_gguf(folder.with_suffix(".gguf")), folder)
    return folder


def _vocabulary() -> tuple[list[str], list[str]]:
    """(tokens in order, merges), trained on the prompts of the course."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    from labkit import prompts

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    texts = [*prompts.INSTRUCTIONS.values(), prompts.REFUSAL, prompts.NOT_STATED]
    core.train_from_iterator([*texts, "the contract between the parties of this agreement"] * 4, trainer)
    made = json.loads(core.to_str())["model"]
    return sorted(made["vocab"], key=made["vocab"].get), [" ".join(pair) for pair in made["merges"]]


def _shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (vocabulary, WIDTH), "output_norm.weight": (WIDTH,)}
    keys = WIDTH * KEYS // HEADS
    for i in range(LAYERS):
        block = {
            "attn_norm": (WIDTH,), "ffn_norm": (WIDTH,), "attn_q": (WIDTH, WIDTH), "attn_k": (keys, WIDTH),
            "attn_v": (keys, WIDTH), "attn_output": (WIDTH, WIDTH), "ffn_gate": (INNER, WIDTH),
            "ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER),
        }  # fmt: skip
        shapes |= {f"blk.{i}.{name}.weight": shape for name, shape in block.items()}
    return shapes
