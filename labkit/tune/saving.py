"""Adapters on disk: weights in safetensors, and a configuration that names the base network, not a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from labkit import models, paths, profiles


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
