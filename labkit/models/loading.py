"""The generator, loaded: what labkit brings, hub models, local folders and GGUF files; in any dtype, quantized."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit import profiles
from labkit.models.address import is_address, load_address
from labkit.models.base import base_fingerprint, base_model, gguf_fingerprint, gguf_model
from labkit.models.device import device, loading, native_bf16
from labkit.models.generator import Generator
from labkit.models.memory import estimate_memory, say_if_short
from labkit.models.reader import merged_reader, reader_fingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def _torch_dtype(name: str) -> Any:
    import torch

    dtypes = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    dtypes["auto"] = dtypes["bf16" if native_bf16() else "fp32"]
    if name not in dtypes:
        raise ValueError(f"There is no dtype {name!r}: choose one of {', '.join(dtypes)}.")
    return dtypes[name]


def _quantization_config(name: str | None, dtype: Any) -> Any:
    """The bitsandbytes configuration: LLM.int8() (Dettmers et al. 2022) or NF4 (QLoRA, Dettmers et al. 2023)."""
    if name not in (None, "int8", "nf4"):
        raise ValueError(f"There is no quantization {name!r}: choose None, 'int8' or 'nf4'.")
    if name is None:
        return None
    # bitsandbytes announces a missing optional CPU kernel at error level on import.
    logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)
    from transformers import BitsAndBytesConfig

    if name == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def load_generator(
    model: str | Path | profiles.Model | None = None,
    *,
    dtype: str | None = None,
    quantization: str | None = "profile",
) -> Generator:
    """Load the generator of a profile, or any causal language model with a chat template.

    Args:
        model: Hugging Face id, local folder, GGUF file, address as in `load_address`, or a model that labkit brings
            (`profiles.BROUGHT`); the profile's generator by default.
        dtype: "fp32", "fp16", "bf16" or "auto"; the profile's by default.
        quantization: None, "int8" or "nf4"; the profile's by default.

    Raises:
        ValueError: the model cannot be found or reached, has no chat template, or a setting is unknown.
    """
    chosen, wanted = profiles.chosen("generator", model)
    if is_address(wanted.id):
        return load_address(wanted.id)
    torch_dtype = _torch_dtype(dtype or chosen.dtype)
    quantized = chosen.quantization if quantization == "profile" else quantization
    config = _quantization_config(quantized, torch_dtype)
    path, weights = _located(wanted)
    if wanted.id not in profiles.BROUGHT:
        need = estimate_memory(replace(wanted, id=path), profile=chosen, dtype=dtype, quantization=quantized)
        say_if_short(need, wanted.id)
    network, tokenizer = _load_causal(path, wanted, torch_dtype, config)
    if not tokenizer.chat_template:
        raise ValueError(f"The model {wanted.id!r} has no chat template: choose an instruction-tuned one.")
    limit = int(getattr(network.config, "max_position_embeddings", None) or chosen.max_length)
    window = min(limit, chosen.max_length)
    fingerprint = f"{wanted.id} {weights} {quantized}" if weights else None
    return Generator(network, tokenizer, wanted.id, window, chosen.max_new_tokens, chosen.batch_size, fingerprint)


def _located(model: profiles.Model) -> tuple[str, str | None]:
    """Folder or hub id to load a model from, and what says which weights it has; None where they may change."""
    if model.id == profiles.BASE:
        return str(base_model()), base_fingerprint()
    if model.id == profiles.READER:
        return str(merged_reader()), reader_fingerprint()
    if file := _gguf_file(Path(model.id)):
        return str(gguf_model(file)), gguf_fingerprint(file)
    return model.id, model.revision


def hub_commit(model: str) -> str:
    """The commit of a hub's model: the one that is on this machine where the hub is out of reach.

    Raises:
        ValueError: there is no such model, or it cannot be reached.
    """
    from huggingface_hub import snapshot_download

    with loading("model", model, model, "LABKIT_MODEL"):
        return Path(snapshot_download(model, allow_patterns=["config.json"])).name


def _gguf_file(path: Path) -> Path | None:
    """The GGUF file that is meant: the path itself, or the only one in a folder that holds no other format."""
    if path.is_file():
        return path
    files = sorted(path.glob("*.gguf")) if path.is_dir() and not (path / "config.json").exists() else []
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise ValueError(f"The folder {str(path)!r} holds several GGUF files: name one of them ({names}).")
    return files[0] if files else None


def _load_causal(
    path: str, model: profiles.Model, dtype: Any, quantization: Any
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Weights and tokenizer, tokenizer padded on the left as batched generation needs."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = {"": torch.device(device())}
    with loading("model", model.id, path, "LABKIT_MODEL"):
        tokenizer = AutoTokenizer.from_pretrained(path, revision=model.revision)
        network = AutoModelForCausalLM.from_pretrained(
            path, revision=model.revision, dtype=dtype, quantization_config=quantization, device_map=place
        )
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    # Decoding is greedy: the sampling settings that some models ship would only warn.
    network.generation_config.update(do_sample=False, temperature=None, top_p=None, top_k=None)
    return network.eval(), tokenizer
