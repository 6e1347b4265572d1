"""Train the reader: a LoRA adapter of the base model on text of the bank, for a given time, on a GPU or on a CPU.

    python -m synthesis.reader.train --out build/reader --minutes 90

A plain loop, not TRL: questions of one context share a row under a four-dimensional mask, which TRL's trainers do not
take, and the learning rate follows the clock. A run that was stopped goes on with the same command; one that is
finished begins another sitting from its adapter. Source: Hu et al. 2021, LoRA.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from peft.helpers import disable_input_dtype_casting
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM, AutoTokenizer

from labkit import paths, profiles, prompts
from labkit.models.base import base_fingerprint, base_model
from synthesis.reader import examples, rows
from synthesis.reader.groups import Group
from synthesis.reader.rows import Row

WARMUP = 0.04
# Gives the groups of a sitting by number: the whole bank's by default.
Text = Callable[[str], Callable[[int], Group]]


@dataclass
class Settings:
    """What decides a sitting.

    Attributes:
        minutes: of training. seed: of the text. learning_rate: at its peak.
        rows, length: rows in a batch, and their length in tokens. rank: of the adapter.
        workers: processes that make text; 0 makes it in the training process. compiled: compile the layers.
    """

    minutes: float
    seed: int
    learning_rate: float
    rows: int
    length: int
    rank: int
    workers: int
    compiled: bool


def network(base: Path, settings: Settings, device: str) -> Any:
    """The base in bf16 with a new LoRA adapter in fp32 on all its linear layers."""
    torch.manual_seed(settings.seed)
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    model = model.to(device)
    lora = LoraConfig(r=settings.rank, lora_alpha=2 * settings.rank, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, lora)
    model.peft_config["default"].base_model_name_or_path = profiles.BASE
    model.enable_input_require_grads()  # so that the first layer is compiled like the others
    if settings.compiled:
        for layer in model.base_model.model.model.layers:
            layer.compile()
    return model


def precision(device: str) -> AbstractContextManager[Any]:
    """bf16 products; the adapter's weights and the loss stay in fp32."""
    return torch.autocast(device, dtype=torch.bfloat16)


def scores(model: Any, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """(logits, target) of the tokens of replies: shapes (tokens, vocabulary) and (tokens,)."""
    inner = model.base_model.model
    seen = rows.mask(batch["group"], batch["branch"])
    # As numbers to add, made once for all layers.
    seen = torch.zeros_like(seen, dtype=torch.bfloat16).masked_fill(~seen, -torch.inf)
    hidden = inner.model(
        input_ids=batch["tokens"], attention_mask=seen, position_ids=batch["position"], use_cache=False
    ).last_hidden_state
    learned = batch["target"] != rows.NOTHING
    return inner.lm_head(hidden[learned]).float(), batch["target"][learned]


def loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Weighted mean of the negative log-likelihood of the replies' tokens."""
    logits, target = scores(model, batch)
    weight = batch["weight"][batch["target"] != rows.NOTHING]
    return (torch.nn.functional.cross_entropy(logits, target, reduction="none") * weight).sum() / weight.sum()


def batches(
    tokenizer: Any, settings: Settings, sitting: str, device: str, text: Text = rows.Draw
) -> Iterator[dict[str, torch.Tensor]]:
    """Training batches on the device, without end; a sitting reads text of its own."""
    stream = rows.Stream(tokenizer, settings.rows, settings.length, text(f"{settings.seed}/{sitting}"))
    loader = DataLoader(stream, batch_size=None, num_workers=settings.workers, pin_memory=device == "cuda",
                        multiprocessing_context="spawn" if settings.workers else None)  # fmt: skip
    for batch in loader:
        yield {name: torch.as_tensor(array).to(device, non_blocking=True) for name, array in batch.items()}


def rate(done: float) -> float:
    """Share of the peak learning rate after a share of the time: warm-up, then a cosine to nothing."""
    return min(1.0, done / WARMUP) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


class Run:
    """Training in a folder: what was learned so far, the log, and what was done.

    Args:
        out: folder of the run.
        settings: of this sitting.
        base: folder of the base model.
        device: "cuda" or "cpu".
        text: what is read.
    """

    def __init__(self, out: Path, settings: Settings, base: Path, device: str, text: Text = rows.Draw) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.out, self.settings, self.device, self.text = out, settings, device, text
        self.tokenizer: Any = AutoTokenizer.from_pretrained(base)
        self.model = network(base, settings, device)
        self.trained = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.AdamW(
            self.trained.values(), settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=device == "cuda"
        )
        self.sittings: list[dict[str, Any]] = []
        if (out / "checkpoint.pt").exists():
            self._resume(torch.load(out / "checkpoint.pt", map_location=device, weights_only=True))
        if not self.sittings or self.sittings[-1]["finished"]:
            self.sittings.append({"seconds": 0.0, "steps": 0, "tokens": 0, "finished": False})
        self.sitting = self.sittings[-1]
        self.sitting |= {"settings": asdict(settings), "device": device_name(device), "torch": str(torch.__version__)}

    def _resume(self, kept: dict[str, Any]) -> None:
        if kept["base"] != base_fingerprint():
            raise SystemExit(f"{self.out} holds an adapter of another base model: choose another folder.")
        self.sittings = kept["sittings"]
        for name, p in self.trained.items():
            p.data.copy_(kept["adapter"][name])
        if not self.sittings[-1]["finished"]:
            self.optimizer.load_state_dict(kept["optimizer"])

    def train(self, save_every: float = 300.0, tokens: int | None = None) -> None:
        """Train until the time of the sitting is over, or its `tokens` are read; Ctrl-C keeps what was learned."""

        def done() -> float:
            if tokens:
                return float(self.sitting["tokens"] / tokens)
            return float(self.sitting["seconds"] / (self.settings.minutes * 60))

        start = None
        saved = told = self.sitting["seconds"]
        # A sitting that goes on reads further text, not the same again.
        name = f"{len(self.sittings)}/{self.sitting['steps']}"
        try:
            for batch in batches(self.tokenizer, self.settings, name, self.device, self.text):
                value = self._step(batch, done())
                # The first step compiles, and waits for the first text.
                start = start or time.perf_counter() - self.sitting["seconds"]
                self.sitting["seconds"] = time.perf_counter() - start
                if self.sitting["seconds"] - told > 10 or self.sitting["steps"] < 3:
                    self._log(float(value))
                    told = self.sitting["seconds"]
                if done() >= 1:
                    break
                if self.sitting["seconds"] - saved > save_every:
                    self.save()
                    saved = self.sitting["seconds"]
        except KeyboardInterrupt:
            self.save()
            raise SystemExit("Stopped; the same command goes on from here.") from None
        self.sitting["finished"] = True
        self.save()

    def _step(self, batch: dict[str, torch.Tensor], done: float) -> torch.Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * rate(done)
        with precision(self.device), disable_input_dtype_casting(self.model):
            value = loss(self.model, batch)
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.trained.values(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.sitting["steps"] += 1
        self.sitting["tokens"] += batch["tokens"].numel()
        return value.detach()

    def _log(self, value: float) -> None:
        row = {"step": self.sitting["steps"], "seconds": round(self.sitting["seconds"], 1),
               "tokens": self.sitting["tokens"], "loss": round(value, 4)}  # fmt: skip
        if self.device == "cuda":
            row["gigabytes"] = round(torch.cuda.max_memory_allocated() / 1e9, 1)
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)

    def save(self) -> None:
        """Keep what was learned, and write the adapter in bf16 with what was done."""
        kept = {"adapter": {name: p.data for name, p in self.trained.items()}, "base": base_fingerprint(),
                "optimizer": self.optimizer.state_dict(), "sittings": self.sittings}  # fmt: skip
        temporary = self.out / "checkpoint.tmp"
        torch.save(kept, temporary)
        temporary.replace(self.out / "checkpoint.pt")
        weights = {name: p.to(torch.bfloat16) for name, p in get_peft_model_state_dict(self.model).items()}
        self.model.save_pretrained(self.out / "adapter", state_dict=weights)
        (self.out / "adapter" / "README.md").unlink(missing_ok=True)  # an empty form
        self.record({})

    def record(self, figures: dict[str, Any]) -> None:
        """Write what was done, and the figures measured."""
        done = {"base": base_fingerprint(), "sittings": self.sittings} | figures
        paths.write_atomic(self.out / "adapter" / "training.json", json.dumps(done, indent=1) + "\n")


def device_name(device: str) -> str:
    """What the training ran on."""
    return torch.cuda.get_device_name() if device == "cuda" else "CPU"


@torch.inference_mode()
def replies_right(run: Run, made: Iterable[Row]) -> Iterator[tuple[Row, bool, int]]:
    """(group, whether each token of a reply is the model's first choice, first token chosen), a question after another.

    A reply of which that holds is the greedy reply, so nothing has to be generated.
    """
    packs = list(rows.packed(iter(made), run.settings.length))
    for start in range(0, len(packs), run.settings.rows):
        part = packs[start : start + run.settings.rows]
        arrays = rows.batch([*part, *([[]] * (run.settings.rows - len(part)))], run.settings.length)
        batch = {name: torch.as_tensor(array).to(run.device) for name, array in arrays.items()}
        with precision(run.device), disable_input_dtype_casting(run.model):
            logits, target = scores(run.model, batch)
        chosen = logits.argmax(-1)
        learned = batch["target"] != rows.NOTHING
        places = learned.nonzero()[:, 0].tolist(), batch["group"][learned].tolist(), batch["branch"][learned].tolist()
        first: dict[tuple[int, int, int], tuple[bool, int]] = {}
        for key, token, same in zip(
            zip(*places, strict=True), chosen.tolist(), (chosen == target).tolist(), strict=True
        ):
            right, start_token = first.get(key, (True, token))
            first[key] = (right and same, start_token)
        for (row, group, _), (right, token) in first.items():
            yield part[row][group], right, token


def evaluate(run: Run, questions: int) -> dict[str, Any]:
    """Shares of replies that are exactly right on worlds never seen, with known and with held-out wordings.

    Returns:
        By instruction and wording: exact (all questions), and for `answer` right (of those with an answer),
        refused_wrongly (of those), refused_rightly (of those without).
    """
    cells: list[tuple[str, dict[str, Any]]] = []
    for wording in ("known", "both"):
        for count, alike in ((1, False), (3, False), (3, True), (8, False)):
            name = f"answer, {count} passages{' alike' if alike else ''}, {wording}"
            cells.append((name, {"passages": count, "wording": wording, "alike": alike}))
        cells += [(f"{i}, {wording}", {"passages": 3, "wording": wording, "instruction": i})
                  for i in examples.INSTRUCTIONS[1:]]  # fmt: skip
    figures = {}
    run.model.eval()
    for name, settings in cells:
        with torch.compiler.set_stance("force_eager"):
            figures[name] = _figures(run, list(examples.evaluation_groups(questions, **settings)))
        print(json.dumps({name: figures[name]}), flush=True)
    return {"held_out_worlds": figures, "questions": questions}


def _figures(run: Run, groups: list[Group]) -> dict[str, float]:
    encoded = [row for row in (rows.encode(g, run.tokenizer, run.settings.length) for g in groups) if row]
    refusal = run.tokenizer(f"{prompts.REFUSAL}{run.tokenizer.eos_token}")["input_ids"]
    found = list(replies_right(run, encoded))
    shares = {"exact": [right for _, right, _ in found]}
    if groups[0].instruction == "answer":
        wanted = [[t for t in row.target if t != rows.NOTHING] == refusal for row, _, _ in found]
        pairs = list(zip(found, wanted, strict=True))
        shares["right"] = [right for (_, right, _), none in pairs if not none]
        shares["refused_wrongly"] = [token == refusal[0] for (_, _, token), none in pairs if not none]
        shares["refused_rightly"] = [right for (_, right, _), none in pairs if none]
    return {name: round(sum(values) / len(values), 4) for name, values in shares.items() if values}


def main(argv: list[str] | None = None) -> None:
    """Train for the time given, measure, and leave the adapter in the folder `adapter` of the run."""
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--minutes", type=float, default=85.0, help="of training; measuring comes on top")
    parser.add_argument("--base", type=Path, help="folder of the base model; the cache's by default")
    parser.add_argument("--questions", type=int, default=200 if cuda else 20, help="measured in each of 33 cells")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--rows", type=int, default=20 if cuda else 4)
    parser.add_argument("--length", type=int, default=1536 if cuda else 1024)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--workers", type=int, default=8 if cuda else 0)
    parser.add_argument("--compiled", action=argparse.BooleanOptionalAction, default=cuda)
    given = vars(parser.parse_args(argv))
    out, base, questions = given.pop("out"), given.pop("base") or base_model(), given.pop("questions")
    given["minutes"] = float(given["minutes"])
    run = Run(out, Settings(**given), base, "cuda" if cuda else "cpu")
    run.train()
    if questions:
        run.record(evaluate(run, questions))


if __name__ == "__main__":
    main()
