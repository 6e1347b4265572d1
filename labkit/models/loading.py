"""The generator, loaded: in any dtype, quantized, with a trained adapter."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit import profiles
from labkit.models.base import located
from labkit.models.device import device, loading, quantization_config, quietly, torch_dtype, unchanged
from labkit.models.generator import Generator
from labkit.models.llama_index import is_address, load_address
from labkit.models.memory import estimate_memory, say_if_short
from labkit.models.store import digest, weights_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


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
    kind = torch_dtype(dtype or chosen.dtype)
    quantized = chosen.quantization if quantization == "profile" else quantization
    config = quantization_config(quantized, kind)
    path, weights = located(wanted)
    if wanted.id not in profiles.BROUGHT:
        need = estimate_memory(replace(wanted, id=path), profile=chosen, dtype=dtype, quantization=quantized)
        say_if_short(need, wanted.id)
    network, tokenizer = _load_causal(path, wanted, kind, config)
    if not tokenizer.chat_template:
        raise ValueError(f"The model {wanted.id!r} has no chat template: choose an instruction-tuned one.")
    limit = int(getattr(network.config, "max_position_embeddings", None) or chosen.max_length)
    window = min(limit, chosen.max_length)
    fingerprint = f"{wanted.id} {weights} {quantized}" if weights else None
    return Generator(network, tokenizer, wanted.id, window, chosen.max_new_tokens, chosen.batch_size, fingerprint)


def hub_commit(model: str) -> str:
    """The commit of a hub's model: the one that is on this machine where the hub is out of reach.

    Raises:
        ValueError: there is no such model, or it cannot be reached.
    """
    from huggingface_hub import snapshot_download

    with loading("model", model, model):
        return Path(snapshot_download(model, allow_patterns=["config.json"])).name


def _load_causal(
    path: str, model: profiles.Model, dtype: Any, quantization: Any
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Weights and tokenizer, tokenizer padded on the left as batched generation needs."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = {"": torch.device(device())}
    with loading("model", model.id, path):
        tokenizer = AutoTokenizer.from_pretrained(path, revision=model.revision, padding_side="left")
        network = AutoModelForCausalLM.from_pretrained(
            path, revision=model.revision, dtype=dtype, quantization_config=quantization, device_map=place
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    # Decoding is greedy: the sampling settings that some models ship would only warn.
    network.generation_config.update(do_sample=False, temperature=None, top_p=None, top_k=None)
    return network.eval(), tokenizer


def lora(rank: int) -> Any:
    """PEFT's configuration of a generator's adapter, on all linear layers."""
    from peft import LoraConfig

    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")


def load_tuned(adapter: Path, generator: Generator | None = None, merge: bool = True) -> Generator:
    """A generator with a trained adapter: a model of its own, the given one stays as it is.

    The adapter is merged into the weights, unless they are quantized: merging would round them once more. Where it is
    not merged, the weights are shared with the given generator. So several adapters fit on one base in memory, each a
    generator with a fingerprint of its own, and going from one to another loads nothing. (With PEFT's `set_adapter` a
    single network would answer for all of them, and a forgotten switch would give one's replies the other's name.)

    Args:
        adapter: folder that `train_generator` made.
        generator: the model it was trained on; the reader by default.
        merge: False leaves the adapter beside the weights, which costs some speed.

    Raises:
        FileNotFoundError: there is no adapter.
        ValueError: a file of it does not match its checksum, or it was trained on another model.
    """
    weights = weights_of(adapter)
    base = generator or load_generator()
    _check_base(adapter, base)
    quantized = getattr(base.model, "quantization_method", None) is not None
    beside = quantized or not merge
    try:
        with unchanged(base.model), quietly():
            from peft import PeftModel

            own = copy.deepcopy(base.model, _parts(base.model) if beside or not generator else {})
            network: Any = PeftModel.from_pretrained(own, str(adapter))
            network = network if beside else network.merge_and_unload()
    except (RuntimeError, ValueError) as cause:
        if not re.search(r"size mismatch|target modules", str(cause), re.IGNORECASE):
            raise
        raise _other_base(adapter, base) from cause
    marks = [digest(weights), digest(adapter / "adapter_config.json")] + ["beside"] * (beside and not quantized)
    mark = " ".join([base.fingerprint, *marks]) if base.fingerprint else None
    return replace(base, model=network.eval(), name=f"{base.name} with {adapter.name}", fingerprint=mark)


def _parts(network: Any) -> dict[int, Any]:
    """What a copy of a network shares with it, as `copy.deepcopy` wants it: the weights, and what unpacks them."""
    states = [v for m in network.modules() for v in vars(m).values() if type(v).__module__.startswith("bitsandbytes")]
    return {id(part): part for part in (*network.parameters(), *network.buffers(), *states)}


def _check_base(adapter: Path, base: Generator) -> None:
    """Refuse the adapter of another model, as far as both say what they are; quantized or not is no difference."""
    record = adapter / "training.json"
    trained_on = json.loads(record.read_text(encoding="utf-8")).get("base_fingerprint") if record.exists() else None
    known = [re.sub(r" (None|int8|nf4)\b", "", mark) for mark in (trained_on, base.fingerprint) if mark]
    if len(set(known)) == 2:
        raise _other_base(adapter, base)


def _other_base(adapter: Path, base: Generator) -> ValueError:
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    trained_on = str(config["base_model_name_or_path"])
    return ValueError(
        f"The adapter {adapter.name!r} does not fit {base.name!r}: give it the model that it was trained on, "
        f"`generator=load_generator({trained_on!r})`, or train one for yours with `tune.train_generator`."
    )
