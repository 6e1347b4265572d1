"""What all trainings have in common: settings, and adapters on disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labkit import models


def arguments(out: str, epochs: float, learning_rate: float, batch_size: int, seed: int) -> dict[str, Any]:
    """Settings of a trainer: quiet, every loss logged as it is, bf16 where it is native."""
    on_cpu = models.device() == "cpu"
    return dict(
        output_dir=out, num_train_epochs=epochs, per_device_train_batch_size=batch_size,
        learning_rate=learning_rate, warmup_steps=0.1, lr_scheduler_type="linear", seed=seed,
        bf16=models.native_bf16(), use_cpu=on_cpu, report_to="none", save_strategy="no", save_total_limit=2,
        logging_strategy="steps", logging_steps=1, logging_nan_inf_filter=False, gradient_checkpointing=False,
        disable_tqdm=True, dataloader_pin_memory=not on_cpu,
    )  # fmt: skip


@contextmanager
def saving(folder: Path) -> Iterator[None]:
    """One sentence where a folder does not take what is saved: the libraries have an error each for a full disk."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as cause:
        raise ValueError(
            f"{str(folder)!r} cannot be written ({str(cause).splitlines()[0]}): free some space, or choose a folder "
            "that takes it, and start the training again; it goes on at its last good checkpoint, where it has one."
        ) from cause


@contextmanager
def kept_whole(out: Path) -> Iterator[Path]:
    """A scratch folder, whose files go into `out` when all are written, the weights last: none is ever loaded half.

    Raises:
        ValueError: the disk is full or read-only.
    """
    part = out / ".part"
    with saving(out):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            yield part
            for weights in part.glob("*.safetensors"):
                (out / weights.name).unlink(missing_ok=True)
            for file in sorted(part.iterdir(), key=lambda file: file.suffix == ".safetensors"):
                file.replace(out / file.name)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def write_adapter(network: Any, part: Path, base: str) -> None:
    """Save the adapter of a network of transformers into a folder that is there.

    Args:
        network: with an adapter.
        part: the folder.
        base: id or folder of the network without it.
    """
    import torch

    # Of these PEFT keeps the adapter's; half of the bytes of fp32 are enough for it.
    weights = {name: value.to(torch.bfloat16) for name, value in network.state_dict().items()}
    network.save_pretrained(part, state_dict=weights)
    (part / "README.md").unlink(missing_ok=True)  # an empty form
    path = part / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")
