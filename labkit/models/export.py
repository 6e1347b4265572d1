"""Exports of a tuned model for other programs: safetensors for transformers and vLLM, GGUF for llama.cpp and Ollama."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labkit import paths
from labkit.models.base import METADATA, base_model, write_gguf
from labkit.models.device import quietly
from labkit.models.generator import Generator

GGUF_FILE, MODELFILE, NOTICE = "model.gguf", "Modelfile", "NOTICE"
# Ollama's own form of the chat template that SmolLM2 and many others have.
_CHATML = """TEMPLATE \"\"\"{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
\"\"\"
PARAMETER stop "<|im_end|>"
"""


def export_safetensors(generator: Generator, folder: Path) -> Path:
    """Write a model with its tokenizer as transformers reads them, and a note that it was modified.

    Args:
        generator: not quantized; adapters merged, as `load_tuned` gives it.
        folder: made when missing.

    Raises:
        ValueError: the model is quantized or has an adapter that is not merged.
    """
    _check_whole(generator)
    folder.mkdir(parents=True, exist_ok=True)
    with quietly():
        generator.model.save_pretrained(folder)
    generator.tokenizer.save_pretrained(folder)
    return _noted(generator, folder)


def export_gguf(generator: Generator, folder: Path, source: Path | None = None) -> Path:
    """Write a Llama model in bf16 as a GGUF file with a Modelfile for Ollama, and a note that it was modified.

    The metadata are copied from the file that the base came from, but for the type of the weights.

    Args:
        generator: as in `export_safetensors`.
        folder: made when missing.
        source: the GGUF file that the base model came from; that of the course's base by default.

    Returns:
        The folder, with `model.gguf` and `Modelfile`.

    Raises:
        ValueError: as in `export_safetensors`, or the model is no Llama.
    """
    from gguf import LlamaFileType

    _check_whole(generator)
    if generator.model.config.model_type != "llama":
        raise ValueError(
            f"{generator.name!r} is a {generator.model.config.model_type} model, and only Llama models can be written "
            "as GGUF here: export safetensors, and convert them with llama.cpp's convert_hf_to_gguf.py."
        )
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{GGUF_FILE}.part"
    tensors = _tensors(generator.model)
    write_gguf(source or base_model() / METADATA, part, tensors, file_type=int(LlamaFileType.MOSTLY_BF16))
    part.replace(folder / GGUF_FILE)
    template = _CHATML if "<|im_start|>" in str(generator.tokenizer.chat_template) else ""
    settings = f"PARAMETER temperature 0\nPARAMETER num_ctx {generator.max_length}\n"
    paths.write_atomic(folder / MODELFILE, f"FROM ./{GGUF_FILE}\n{template}{settings}")
    return _noted(generator, folder)


def _check_whole(generator: Generator) -> None:
    from peft import PeftModel

    if getattr(generator.model, "quantization_method", None) is not None or isinstance(generator.model, PeftModel):
        raise ValueError(
            f"{generator.name!r} is quantized or has an adapter beside it: load it with `quantization=None`, and the "
            "adapter with `load_tuned`, which merges it."
        )


def _tensors(network: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Weights under llama.cpp's names and in its order of heads; norms in fp32, the others in bf16."""
    import torch
    from gguf import MODEL_ARCH, GGMLQuantizationType, get_tensor_name_map, quantize

    config = network.config
    names = get_tensor_name_map(MODEL_ARCH.LLAMA, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for name, weight in network.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        values = weight.to("cpu", torch.float32).numpy()
        if (part := name.split(".")[-2]) in heads:
            # llama.cpp rotates pairs of neighbours, transformers the two halves of a head.
            rows = values.reshape(heads[part], 2, values.shape[0] // heads[part] // 2, *values.shape[1:])
            values = rows.swapaxes(1, 2).reshape(values.shape)
        kind = GGMLQuantizationType.F32 if values.ndim == 1 else GGMLQuantizationType.BF16
        yield names.get_name(name, try_suffixes=(".weight", ".bias")), quantize(values, kind), kind


def _noted(generator: Generator, folder: Path) -> Path:
    """Say beside an export what it is, as the licence of the base wants it."""
    text = f"{generator.name}, exported by labkit: a modification of the base model, under the base model's licence.\n"
    paths.write_atomic(folder / NOTICE, text)
    return folder
