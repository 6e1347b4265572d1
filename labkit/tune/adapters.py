"""Adapters on disk: weights in safetensors, and a configuration that names the base network, not a folder."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labkit import models, paths, profiles


@contextmanager
def quietly() -> Iterator[None]:
    """Without what the libraries say on loading an adapter: that a head is new, that a setting has a new name."""
    from transformers.utils import logging as transformers_logging

    logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)
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


def save_adapter(network: Any, out: Path, base: str) -> Path:
    """Save the adapter of a network of transformers.

    Args:
        network: with an adapter. out: folder, made when missing. base: id or folder that the network was loaded from.

    Returns:
        `out`.
    """
    out.mkdir(parents=True, exist_ok=True)
    network.save_pretrained(out)
    path = out / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = profiles.MINILM if base == models.minilm_path() else base
    paths.write_atomic(path, json.dumps(config, indent=1, sort_keys=True) + "\n")
    return out
