"""What all trainings share: settings, progress, checkpoints to go on from, adapters on disk and what made them."""

from __future__ import annotations

import json
import math
import shutil
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit import models, paths

if TYPE_CHECKING:
    import pandas as pd


RECORD = "training.json"
CHECKPOINT_SECONDS = 300
# Between two looks at the memory.
MEMORY_SECONDS = 0.01


@dataclass(frozen=True)
class TrainingRecord:
    """What made an adapter, and what the training measured.

    Attributes:
        base: name of the model that was trained.
        base_fingerprint: says which weights it had.
        data: digest of the examples' tokens.
        settings: arguments of `tune.train_generator`.
        examples: that were learned from.
        too_long: positions of the examples that do not fit into the window, which were left out.
        steps: of the training.
        tokens: read in all, prompts included.
        seconds: that it took.
        peak_mb: highest memory in MB (1e6 bytes): of the GPU, or of the process where there is none.
        losses: mean loss of each step: of replies in nats a token, of preferences in nats a pair.
        measured: what else was measured in each step, by name, None where a step has no such reply: of preferences
            TRL's `rewards/...`, which are log-ratios to the reference in nats times beta, and of KTO its estimate of
            the KL divergence in nats.
    """

    base: str
    base_fingerprint: str | None
    data: str
    settings: Mapping[str, Any]
    examples: int
    too_long: tuple[int, ...] = ()
    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0
    losses: tuple[float, ...] = field(default=(), repr=False)
    measured: Mapping[str, Sequence[float | None]] = field(default_factory=dict, repr=False)

    @property
    def tokens_per_second(self) -> float:
        """Speed of the training, prompts included."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def write(self, folder: Path) -> None:
        """Write it into the folder of what was trained."""
        paths.write_atomic(folder / RECORD, json.dumps(asdict(self), indent=1) + "\n")


def read_record(folder: Path) -> TrainingRecord:
    """What made the adapter in a folder.

    Raises:
        FileNotFoundError: the folder holds no record.
        ValueError: what it holds is none of `train_generator`.
    """
    path = folder / RECORD
    if not path.exists():
        raise FileNotFoundError(f"{str(folder)!r} holds no {RECORD}: train with `tune.train_generator`.")
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        return TrainingRecord(**{**row, "too_long": tuple(row["too_long"]), "losses": tuple(row["losses"])})
    except (KeyError, TypeError, ValueError) as cause:
        raise ValueError(f"{str(path)!r} is no record of `tune.train_generator`: {cause}.") from cause


def registry(folder: Path) -> pd.DataFrame:
    """What was trained into the folders of a folder, and what made it.

    Args:
        folder: holds a folder for each adapter or model; those without a record that can be read are left out.

    Returns:
        A row for each, by its name: base, digest of the data, settings and figures of its `TrainingRecord`, and beside
        them "loss" (mean over the last tenth of the steps), "tokens_per_second" and "file_mb" (1e6 bytes).
    """
    import pandas as pd

    rows = {}
    for path in sorted(folder.glob(f"*/{RECORD}")):
        with suppress(ValueError):
            record = read_record(path.parent)
            single = {name: v for name, v in asdict(record).items() if not isinstance(v, tuple | dict)}
            last = record.losses[-max(1, len(record.losses) // 10) :]
            size = sum(weights.stat().st_size for weights in path.parent.glob("*.safetensors"))
            figures = {"tokens_per_second": record.tokens_per_second, "file_mb": size / 1e6}
            figures["loss"] = sum(last) / len(last) if last else float("nan")
            rows[path.parent.name] = single | dict(record.settings) | figures
    return pd.DataFrame.from_dict(rows, orient="index")


class Checkpoints:
    """The checkpoints of one training; those of a training with other examples or settings are not continued.

    Args:
        folder: that holds them.
        record: what the training is made of.
    """

    def __init__(self, folder: Path, record: TrainingRecord) -> None:
        self.folder = folder
        mark = folder / "made_of.json"
        made_of = json.dumps(asdict(record), sort_keys=True)
        if folder.exists() and (not mark.exists() or mark.read_text(encoding="utf-8") != made_of):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths.write_atomic(mark, made_of)

    def last(self) -> str | None:
        """Folder of the last one that is complete; None where there is none. Those cut off are removed."""
        # The state is written last, and ends with a brace.
        states = self.folder.glob("checkpoint-*/trainer_state.json")
        whole = [path.parent for path in states if path.read_text(encoding="utf-8").endswith("\n}\n")]
        for path in set(self.folder.glob("checkpoint-*")) - set(whole):
            shutil.rmtree(path, ignore_errors=True)
        return str(max(whole, key=lambda p: int(p.name.rpartition("-")[2]))) if whole else None

    def remove(self) -> None:
        """Remove them when the training is over."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Progress:
    """Watches a training: shows its loss and the time left, saves checkpoints by the clock, and measures.

    Args:
        record: what the training is made of.
        checkpoints: where it keeps them.
        tokens: of one epoch.
        shown: show a bar.

    Attributes:
        record: when the training is over, with what was measured; time and memory since the last start.
    """

    def __init__(self, record: TrainingRecord, checkpoints: Checkpoints, tokens: int, shown: bool) -> None:
        self.record, self._checkpoints, self._tokens, self._shown = record, checkpoints, tokens, shown

    def callback(self) -> Any:
        """For a trainer of transformers."""
        from tqdm.auto import tqdm
        from transformers import TrainerCallback

        watch = self

        class Watch(TrainerCallback):
            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                self.began = self.saved = time.perf_counter()
                self.bar = tqdm(
                    total=state.max_steps, initial=state.global_step, desc="training", unit="step",
                    disable=not watch._shown,
                )  # fmt: skip
                self.memory = _PeakMemory()

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                self.bar.update(1)
                if time.perf_counter() - self.saved > CHECKPOINT_SECONDS and state.global_step < state.max_steps:
                    control.should_save, self.saved = True, time.perf_counter()

            def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
                if logs and "loss" in logs:
                    if not math.isfinite(logs["loss"]):  # before a checkpoint is saved
                        raise ValueError(
                            f"The loss became NaN at step {state.global_step}: choose a lower learning rate. The last "
                            f"good checkpoint is {watch._checkpoints.last() or 'none, it came too early'}."
                        )
                    self.bar.set_postfix(loss=f"{logs['loss']:.3f}")

            def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                watch._finish(state, time.perf_counter() - self.began, self.memory.stop())
                self.bar.close()

        return Watch()

    def _finish(self, state: Any, seconds: float, peak_mb: float) -> None:
        steps = [row for row in state.log_history if "loss" in row]
        names = dict.fromkeys(name for row in steps for name in row if name.startswith("rewards/") or name == "kl")
        self.record = replace(
            self.record,
            steps=state.global_step,
            tokens=round(self._tokens * float(self.record.settings["epochs"])),
            seconds=round(seconds, 1),
            peak_mb=round(peak_mb, 1),
            losses=tuple(round(float(row["loss"]), 4) for row in steps),
            measured={name: [round(row[name], 4) if name in row else None for row in steps] for name in names},
        )


class _PeakMemory:
    """The highest memory in MB (1e6 bytes) since it was made: of the GPU, or of this process where there is none."""

    def __init__(self) -> None:
        self._seen, self._over = [0.0], threading.Event()
        if models.device() == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats()
        else:
            threading.Thread(target=_watch_process, args=(self._seen, self._over), daemon=True).start()
            weakref.finalize(self, self._over.set)

    def stop(self) -> float:
        """End the watch; returns what it saw."""
        self._over.set()
        if models.device() == "cuda":
            import torch

            return torch.cuda.max_memory_allocated() / 1e6
        return self._seen[0]


def _watch_process(seen: list[float], over: threading.Event) -> None:
    # The system's own peak counts what was before, and cannot be reset everywhere.
    import psutil

    process = psutil.Process()
    while True:
        seen[0] = max(seen[0], process.memory_info().rss / 1e6)
        if over.wait(MEMORY_SECONDS):
            return


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
