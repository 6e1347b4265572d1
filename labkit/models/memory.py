"""Memory that a model needs to answer or to be trained, estimated from its configuration before anything is loaded.

Nothing is computed: the weights are on PyTorch's meta device, and a step of the training runs on fake tensors, which
have a size and no content, while what autograd keeps for the way back is added up.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

from labkit import profiles
from labkit.models.base import located
from labkit.models.device import device, loading, native_bf16, quantization_config, quietly, torch_dtype

# Bytes of a weight. NF4 has 4 bits, a scale of 8 bits for 64 weights, and one of 32 bits for 256 scales (QLoRA).
QUANTIZED = {"int8": 1.0, "nf4": (4 + 8 / 64 + 32 / (64 * 256)) / 8}


@dataclass(frozen=True)
class MemoryEstimate:
    """Memory in MB (1e6 bytes).

    Attributes:
        weights: of the model as it is loaded.
        trained: the weights that are trained, with their gradients and AdamW's two moments; 0 where none is.
        activations: what a step of the training keeps for the way back; else the keys and values of the prompts.
    """

    weights: float
    trained: float
    activations: float

    @property
    def total(self) -> float:
        """All of it together."""
        return self.weights + self.trained + self.activations

    def __str__(self) -> str:
        parts = {"weights": self.weights, "trained": self.trained, "activations": self.activations}
        return f"about {self.total:,.0f} MB ({', '.join(f'{name} {mb:,.0f}' for name, mb in parts.items())})"


def estimate_memory(
    model: Any = None, *, profile: str | profiles.Profile | None = None, dtype: Any = None,
    quantization: str | None = "profile", rank: int | None = 0, rows: int = 1, length: int = 1024, learned: float = 0.5,
) -> MemoryEstimate:  # fmt: skip
    """Memory that a model needs, from its configuration alone: of a model of the hub, nothing else is fetched.

    The measured peaks of SmolLM2's trainings on a GPU lie within a tenth of it. What the process itself takes comes on
    top, half a gigabyte or more; without a GPU, so does memory that is free again and not given back, up to half as
    much as the activations.

    Args:
        model: as in `load_generator`, or a configuration of transformers.
        profile: a profile or its name; the current one by default.
        quantization: as in `load_generator`.
        dtype: the same, or one of torch's.
        rank: of LoRA on all linear layers; None to train all weights, 0 to answer.
        rows: of packed examples, or prompts, that are computed at once.
        length: tokens of a row.
        learned: share of the places in a row where any row at once has a token to learn; scores are computed there.

    Raises:
        ValueError: as in `load_generator`.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig
    from transformers.pytorch_utils import Conv1D

    from labkit.models.loading import lora

    given = isinstance(model, PretrainedConfig)
    chosen, wanted = profiles.chosen("generator", model.model_type if given else model, profile)
    kind = dtype if isinstance(dtype, torch.dtype) else torch_dtype(dtype or chosen.dtype)
    quantized = chosen.quantization if quantization == "profile" else quantization
    quantization_config(quantized, kind)
    path = "" if given else located(wanted)[0]
    with loading("model", wanted.id, path), quietly(), torch.device("meta"):
        config = model if given else AutoConfig.from_pretrained(path, revision=wanted.revision)
        network: Any = AutoModelForCausalLM.from_config(config, dtype=kind)
        head = network.get_output_embeddings()
        linear = [m for m in network.modules() if isinstance(m, torch.nn.Linear | Conv1D) and m is not head]
        small = {id(m.weight): QUANTIZED[quantized] for m in linear if quantized}
        weights = sum(p.numel() * small.get(id(p), p.element_size()) for p in network.parameters())
        if rank == 0:
            return MemoryEstimate(weights / 1e6, 0.0, rows * length * _cache(config) * kind.itemsize / 1e6)
        if rank:
            from peft import get_peft_model

            network = get_peft_model(network, lora(rank))
    # A weight that is trained is in fp32, as are its gradient and AdamW's moments.
    trained = sum(16 * p.numel() for p in network.parameters() if p.requires_grad)
    kept = _kept_for_backward(network.train(), kind, bool(quantized), rows, length, learned)
    return MemoryEstimate(weights / 1e6, trained / 1e6, kept / 1e6)


def _cache(config: Any) -> int:
    """Numbers that generation keeps for each token: a key and a value in each layer and head of keys."""
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    return int(2 * config.num_hidden_layers * width * (getattr(config, "num_key_value_heads", None) or heads))


def _kept_for_backward(network: Any, dtype: Any, quantized: bool, rows: int, length: int, learned: float) -> int:
    """Bytes that a step of the training keeps besides the weights, with the scores and their gradient."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    mixed = dtype == torch.bfloat16 or (dtype == torch.float32 and native_bf16())
    kept: dict[int, Any] = {}

    def keep(tensor: Any) -> Any:
        kept[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
        return tensor

    with FakeTensorMode():
        state = {}
        for name, weight in chain(network.named_parameters(), network.named_buffers()):
            # On quantized weights, PEFT does not widen what a layer reads, where computation is mixed.
            kind = torch.bfloat16 if quantized and mixed and weight.is_floating_point() else weight.dtype
            state[name] = torch.empty(weight.shape, dtype=kind).requires_grad_(weight.requires_grad)
        ids = torch.zeros(rows, length, dtype=torch.long)
        places = torch.arange(max(1, round(learned * length)))
        given = dict(input_ids=ids, position_ids=ids, use_cache=False, logits_to_keep=places)
        hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed), hooks:
            logits = torch.func.functional_call(network, state, kwargs=given).logits
            torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[:, : len(places)].flatten())
        for weight in state.values():
            kept.pop(weight.untyped_storage()._cdata, None)
        # The gradient of the scores comes in fp32, and then in the dtype of the model.
        return sum(storage.nbytes() for storage in kept.values()) + logits.numel() * (4 + dtype.itemsize)


def free_mb() -> float:
    """Memory that is free here: of the GPU, or of the machine where there is none."""
    from accelerate.utils import get_max_memory

    return float(get_max_memory()[0 if device() == "cuda" else "cpu"]) / 1e6


def say_if_short(need: MemoryEstimate, name: str) -> None:
    """Print what a model needs where less is free."""
    if need.total > (free := free_mb()):
        advice = "it may not fit. Choose another profile, a smaller model or quantization='nf4'."
        print(f"{name} needs {need}, and {free:,.0f} MB are free here: {advice}", flush=True)
