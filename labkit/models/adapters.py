"""Trained adapters: LoRA weights on disk, loaded onto the network that they were trained on."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from labkit import paths
from labkit.models.device import device, quietly
from labkit.models.embedder import MINILM_WIDTH, Embedder, minilm_path
from labkit.models.generator import Generator
from labkit.models.loading import load_generator
from labkit.models.reranker import Reranker
from labkit.models.store import digest

# Longest text that the trained embedder and reranker read, in tokens.
MAX_LENGTH = 256


def weights_of(adapter: Path) -> Path:
    """The weights of an adapter on disk, its checksums verified where it has some.

    Raises:
        FileNotFoundError: there is no adapter. ValueError: a file of it does not match its checksum.
    """
    weights = adapter / "adapter_model.safetensors"
    if not weights.exists():
        raise FileNotFoundError(f"There is no adapter in {adapter}: train one with `tune.train_generator`.")
    if (adapter / paths.SUMS).exists():
        paths.check_folder(adapter)
    return weights


def base_of(adapter: Path) -> str:
    """Id or folder of the network that an adapter on disk was trained on."""
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    return str(config["base_model_name_or_path"])


def embedder_network() -> Any:
    """MiniLM as it is."""
    with quietly():
        from sentence_transformers import SentenceTransformer

        network = SentenceTransformer(minilm_path(), device=device())
    network.max_seq_length = MAX_LENGTH
    return network


def reranker_network() -> Any:
    """MiniLM as a cross-encoder with one score and a fresh head."""
    import torch

    torch.manual_seed(0)
    with quietly():
        from sentence_transformers import CrossEncoder

        return CrossEncoder(minilm_path(), num_labels=1, max_length=MAX_LENGTH, device=device())


def load_tuned_embedder(adapter: Path) -> Embedder:
    """MiniLM with a trained adapter, and the vectors that lie beside it.

    Args:
        adapter: its folder.

    Raises:
        FileNotFoundError: there is no adapter. ValueError: a file of it does not match its checksum.
    """
    name = f"MiniLM with adapter {digest(weights_of(adapter))}"

    def load() -> Any:
        network = embedder_network()
        with quietly():
            from peft import PeftModel

            # Merged into the weights, so that searching costs no more than before.
            merged: Any = PeftModel.from_pretrained(network.transformers_model, str(adapter))
            network[0].auto_model = merged.merge_and_unload()
        return network.eval()

    return Embedder(load, name, shipped=adapter, width=MINILM_WIDTH)


def load_tuned_reranker(adapter: Path) -> Reranker:
    """MiniLM with a trained adapter.

    Args:
        adapter: its folder.

    Raises:
        FileNotFoundError: there is no adapter. ValueError: a file of it does not match its checksum.
    """
    weights = weights_of(adapter)

    def load() -> Any:
        encoder = reranker_network()
        with quietly():
            encoder.load_adapter(str(adapter))
        return encoder.eval()

    # The scores that come with the course are filed under this name.
    return Reranker(load, str(adapter), fingerprint=f"None {digest(weights)}")


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
    learned = [(weight, weight.requires_grad) for weight in base.model.parameters()]
    try:
        with quietly():
            from peft import PeftModel

            own = copy.deepcopy(base.model, _parts(base.model) if beside or not generator else {})
            network: Any = PeftModel.from_pretrained(own, str(adapter))
            network = network if beside else network.merge_and_unload()
    except (RuntimeError, ValueError) as cause:
        if not re.search(r"size mismatch|target modules", str(cause), re.IGNORECASE):
            raise
        raise _other_base(adapter, base) from cause
    finally:
        for weight, learns in learned:
            weight.requires_grad_(learns)
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
    return ValueError(
        f"The adapter {adapter.name!r} does not fit {base.name!r}: give it the model that it was trained on, "
        f"`generator=load_generator({base_of(adapter)!r})`, or train one for yours with `tune.train_generator`."
    )
