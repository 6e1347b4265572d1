"""What training embedder and reranker have in common: examples out of a search, settings, adapters on disk."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labkit import metrics, models, paths, profiles
from labkit.corpus import Question, Span

MAX_LENGTH = 256


def sides(
    questions: Sequence[Question], found: Sequence[Sequence[tuple[Span, str]]]
) -> list[tuple[str, list[str], list[str]]]:
    """Of each question its text, the passages found that hold evidence, and those that hold none, best first.

    Raises:
        ValueError: the numbers differ, or no passage found holds evidence.
    """
    if len(questions) != len(found):
        raise ValueError(f"{len(questions)} questions but {len(found)} lists: search for each question once.")
    made = []
    for question, passages in zip(questions, found, strict=True):
        right = [text for span, text in passages if any(metrics.covers(span, e) for e in question.evidence)]
        wrong = [text for span, text in passages if not any(span.overlap(e) for e in question.evidence)]
        made.append((question.question, right, wrong))
    if not any(right for _, right, _ in made):
        raise ValueError("No passage found holds evidence: search deeper, or check the questions.")
    return made


def arguments(out: str, epochs: float, learning_rate: float, batch_size: int, seed: int) -> dict[str, Any]:
    """Settings of a trainer of sentence-transformers: quiet, nothing saved on the way, bf16 where it is native."""
    on_cpu = models.device() == "cpu"
    return dict(
        output_dir=out, num_train_epochs=epochs, per_device_train_batch_size=batch_size,
        learning_rate=learning_rate, warmup_steps=0.1, lr_scheduler_type="linear", seed=seed,
        bf16=models.native_bf16(), use_cpu=on_cpu, report_to="none", save_strategy="no",
        logging_strategy="no", disable_tqdm=True, dataloader_pin_memory=not on_cpu,
    )  # fmt: skip


def weights_of(adapter: Path) -> Path:
    """The weights of an adapter on disk, its checksums verified where it has some.

    Raises:
        FileNotFoundError: there is no adapter. ValueError: a file of it does not match its checksum.
    """
    weights = adapter / "adapter_model.safetensors"
    if not weights.exists():
        raise FileNotFoundError(
            f"There is no adapter in {adapter}: train one with `tune.train_embedder`, `tune.train_reranker` or "
            "`tune.train_generator`."
        )
    if (adapter / paths.SUMS).exists():
        paths.check_folder(adapter)
    return weights


def base_of(adapter: Path) -> str:
    """Id or folder of the network that an adapter on disk was trained on."""
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    return str(config["base_model_name_or_path"])


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
    (out / "README.md").unlink(missing_ok=True)  # an empty form
    path = out / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = profiles.MINILM if base == models.minilm_path() else base
    paths.write_atomic(path, json.dumps(config, indent=1, sort_keys=True) + "\n")
    return out
