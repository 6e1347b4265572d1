"""The reader: the base model with the course's reading adapter, merged into one model. Source: Hu et al. 2021, LoRA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labkit import paths, profiles
from labkit.models.base import base_fingerprint, base_model
from labkit.models.device import quietly
from labkit.models.store import make_folder


def merged_reader() -> Path:
    """Folder of the reader in bf16 safetensors with its tokenizer; fetched and merged at the first call.

    Raises:
        FileNotFoundError, ValueError: the adapter is not as shipped, or the base model cannot be fetched or kept; the
            message says what to do.
    """
    adapter = paths.adapter(profiles.READER)
    paths.check_folder(adapter)
    base = base_model()
    return make_folder(paths.cache() / "models" / _version(), lambda folder: _merge(base, adapter, folder))


def reader_fingerprint() -> str:
    """Says which weights the reader has: those of the base model, and the adapter."""
    return f"{base_fingerprint()} + {_version()}"


def _version() -> str:
    sums = paths.checksums(paths.adapter(profiles.READER))
    weights, settings = (sums[f"adapter_{name}"] for name in ("model.safetensors", "config.json"))
    return f"{profiles.READER}-{weights[:16]}-{settings[:8]}"


def _merge(base: Path, adapter: Path, folder: Path) -> None:
    """Add the adapter to the weights in fp32, and round the sum to bf16 once."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with quietly():
        from peft import PeftModel

        network: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        merged: Any = PeftModel.from_pretrained(network, str(adapter))
        merged.merge_and_unload().to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
