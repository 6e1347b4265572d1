"""What any model needs: the device, its number formats, batches without padding, quiet bars, clear errors."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

# It announces a missing optional CPU kernel at error level on import.
logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)


def device() -> str:
    """ "cuda" where PyTorch sees a GPU, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def native_bf16() -> bool:
    """Whether this machine multiplies in bfloat16 itself, rather than by emulation (a T4 does not)."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def torch_dtype(name: str) -> Any:
    """PyTorch's number format of a name; a ValueError where there is none such."""
    import torch

    dtypes = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    dtypes["auto"] = dtypes["bf16" if native_bf16() else "fp32"]
    if name not in dtypes:
        raise ValueError(f"There is no dtype {name!r}: choose one of {', '.join(dtypes)}.")
    return dtypes[name]


def quantization_config(name: str | None, dtype: Any) -> Any:
    """The bitsandbytes configuration: LLM.int8() (Dettmers et al. 2022) or NF4 (QLoRA, Dettmers et al. 2023)."""
    if name not in (None, "int8", "nf4"):
        raise ValueError(f"There is no quantization {name!r}: choose None, 'int8' or 'nf4'.")
    if name is None:
        return None
    from transformers import BitsAndBytesConfig

    if name == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def of_equal_length(tokenizer: Any, texts: Sequence[Sequence[str]]) -> list[list[int]]:
    """Places of texts, or of pairs of texts, in groups that need no padding: all of a group have as many tokens.

    In a padded batch the sums of a network are rounded in another way, so that a result would depend on what else is
    in the batch. Without a tokenizer all are one group.
    """
    groups: dict[int, list[int]] = {}
    columns = [list(column) for column in zip(*texts, strict=True)]
    tokens = tokenizer(*columns, verbose=False)["input_ids"] if tokenizer and texts else texts
    for i, row in enumerate(tokens):
        groups.setdefault(len(row), []).append(i)
    return [groups[length] for length in sorted(groups)]


def without_padding(
    tokenizer: Any, texts: Sequence[Sequence[str]], compute: Callable[[list[int]], Any], progress: bool = False
) -> np.ndarray:
    """What a network gives for texts, or pairs of them, computed in groups `of_equal_length`.

    Args:
        tokenizer: of the network, or None.
        texts: at least one.
        compute: takes the places of a group, gives a row for each.
        progress: show the bar.

    Returns:
        The rows in the order of the texts.
    """
    from tqdm.auto import tqdm

    groups, found = of_equal_length(tokenizer, texts), []
    with tqdm(total=len(texts), desc="embedding", unit="text", disable=not progress) as bar:
        for places in groups:
            found.append(np.asarray(compute(places)))
            bar.update(len(places))
    return np.concatenate(found)[np.argsort(np.concatenate(groups))]


@contextmanager
def loading(kind: str, name: str, path: str) -> Iterator[None]:
    """While a model is loaded: no bar where a local folder is read, and one sentence where it cannot be.

    Args:
        kind: "model" or "embedder".
        name: of the model.
        path: folder or hub id.

    Raises:
        ValueError: the model cannot be found, reached or read.
    """
    from safetensors import SafetensorError

    try:
        with quietly() if Path(path).is_dir() else nullcontext():
            yield
    except (OSError, ValueError, ImportError, SafetensorError) as cause:
        if isinstance(cause, ImportError):
            advice = "a library that it needs is missing: install it, or choose another model"
        elif Path(name).is_dir():
            advice = "its folder is there, but something in it is missing or damaged: copy the model again"
        else:
            advice = "it is neither a folder here nor a model that the hub gave: check the name and the network"
        details = str(cause).splitlines()[0] if str(cause) else "no details"
        raise ValueError(
            f"The {kind} {name!r} could not be loaded: {advice}, or unset LABKIT_{kind.upper()} to use the one that "
            f"labkit carries. ({type(cause).__name__}: {details})"
        ) from cause


@contextmanager
def quietly() -> Iterator[None]:
    """Without what the libraries say on loading an adapter: that a head is new, that a setting has a new name."""
    from transformers.utils import logging as transformers_logging

    theirs = logging.getLogger("sentence_transformers")
    before = theirs.level, transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    theirs.setLevel(logging.ERROR)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        theirs.setLevel(before[0])
        transformers_logging.set_verbosity(before[1])
        if before[2]:
            transformers_logging.enable_progress_bar()


@contextmanager
def unchanged(network: Any) -> Iterator[None]:
    """Afterwards the network is as before, also where what was done failed: without an adapter, and able to learn.

    TRL also wraps `forward`, so that a copy of the network would compute with the weights of the original.
    """
    before = [(part, vars(part) | {"_modules": dict(part._modules)}) for part in network.modules()]
    learned = [(weight, weight.requires_grad) for weight in network.parameters()]
    try:
        yield
    finally:
        for part, state in before:
            vars(part).clear()
            vars(part).update(state)
        for weight, learns in learned:
            weight.requires_grad_(learns)
