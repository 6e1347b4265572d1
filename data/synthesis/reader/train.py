"""Pretraining of the reader from scratch: Muon and AdamW, a curriculum, checkpoints, a log.

The stream of examples is a function of the step alone and the schedule counts trained time, so a
run that was killed goes on from its checkpoint as if nothing had happened.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from labkit import paths
from synthesis.reader import batches, tokenizer, worlds

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

LIMIT_MB = 20.0
# Passage numbers that the auxiliary loss tells apart: eight, and an amendment.
PLACES = 9
# The auxiliary losses that ask for a passage's number.
PLACED = ("context", "match", "match again", "asked", "answer")
# A step takes a second or two; what takes longer than this was a pause of the machine, which is no training.
PAUSE_S = 15.0
# Width of the pointer from a question to the value that answers it.
POINTER = 64
# Topics that the auxiliary loss can tell apart; the bank has fewer.
TOPICS = 128
# What a checkpoint holds.
CHECKPOINT = {"model", "placing", "optimisers", "recipe", "start", "tokenizer", "matched", "place"}
SAY = functools.partial(print, flush=True)


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    Attributes:
        hidden, layers, heads, inner: shape of the Llama model.
        tokens: tokens a step. muon, adam: peak learning rates.
        warmup, decay: shares of the run with rising and with falling learning rate.
        phases: shares of the run at which the second and each further level of the curriculum begins.
        checkpoint_s, evaluate_s: seconds of training between checkpoints and between evaluations.
        questions: questions in each short evaluation.
        placing: weight of the auxiliary losses, which ask layers in between: in which passage does this token stand,
            which passage holds this word of the question, which passage is asked for, from which does the answer
            come (or is there none), what is the topic of this question or value, and where does the value stand?
            Without them the reader finds values but not where they come from: between the number in front of a
            passage and the value there are too many tokens for the answer's own loss to bridge.
        matching: share of the run at which a head in each of two middle layers is set up to look for the same token
            elsewhere, see `install_matching_head`; above 1 for never. It fetches the passage's number, so the
            layers below must tell passages apart by then: set up in a fresh model it found the same words no sooner.
        settling: share of the run after that in which the learning rates rise again from nothing: Muon's full steps
            wear a head down before the rest of the model has learned to use it.
    """

    hidden: int = 256
    layers: int = 6
    heads: int = 4
    inner: int = 704
    tokens: int = 4096
    muon: float = 0.02
    adam: float = 3e-3
    warmup: float = 0.01
    decay: float = 0.5
    phases: tuple[float, ...] = (0.25, 0.52, 0.87)
    checkpoint_s: float = 180.0
    evaluate_s: float = 900.0
    questions: int = 100
    placing: float = 0.3
    matching: float = 0.4
    settling: float = 0.06
    vocabulary_groups: int = 4000
    seed: int = 1


# A further sitting on finished weights, which have their matching heads: other examples, several passages at once,
# lower peaks.
CONTINUED = Recipe(
    placing=0.5, muon=0.015, adam=2e-3, decay=1.0, phases=(0.0, 0.0, 0.4),
    evaluate_s=1800.0, checkpoint_s=240.0, seed=4, matching=2.0,
)  # fmt: skip


def new_model(recipe: Recipe, vocabulary: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama model of the recipe's shape with fresh weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(recipe.seed)
    shape: Any = LlamaConfig
    config = shape(
        vocab_size=len(vocabulary),
        hidden_size=recipe.hidden,
        intermediate_size=recipe.inner,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=tokenizer.MAX_TOKENS,
        tie_word_embeddings=True,
        bos_token_id=vocabulary.bos_token_id,
        eos_token_id=vocabulary.eos_token_id,
        pad_token_id=vocabulary.pad_token_id,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config)


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor,
    scaling: float,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention written out, for the compiler: with a mask twice as fast on a CPU as the fused kernel."""
    import torch

    scores = torch.matmul(query * scaling, key.transpose(-1, -2)) + mask
    return torch.matmul(torch.softmax(scores, -1), value).transpose(1, 2).contiguous(), None


def model_folder(folder: Path) -> Path:
    """The finished model that a folder holds: the folder itself, or `model` in the folder of a run.

    Raises:
        FileNotFoundError: there is none.
    """
    for place in (folder, folder / "model"):
        if (place / "model.safetensors").exists():
            return place
    raise FileNotFoundError(f"There is no finished model in {folder}: train one first, or give another folder.")


def _digest(path: Path) -> str | None:
    """SHA-256 of a file; None where there is none."""
    return paths.sha256(path) if path.exists() else None


def _whole_rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Lines of a log and their content, without a last one that a kill has cut.

    Raises:
        ValueError: a line before the last is broken.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            row = dict(json.loads(line))
        except (ValueError, TypeError) as cause:
            if number == len(lines):
                break
            raise ValueError(f"Line {number} of {path} is broken: delete the line.") from cause
        rows.append((line, row))
    return rows


@dataclass(frozen=True)
class Start:
    """A finished reader to train further: vocabulary, weights in fp32 and their SHA-256, log of its sittings."""

    vocabulary: PreTrainedTokenizerFast
    weights: dict[str, torch.Tensor]
    digest: str | None
    log: list[tuple[str, dict[str, Any]]]


def load_start(folder: Path, recipe: Recipe) -> Start:
    """Read a finished reader and check that a run of this recipe can start from it.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is broken or of another shape.
    """
    import torch
    from transformers import LlamaForCausalLM

    folder = model_folder(folder)
    size = _check_shape(folder / "config.json", recipe)
    try:
        vocabulary = tokenizer.load_tokenizer(folder)
        weights = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()
    except FileNotFoundError:
        raise
    # Each of the libraries has errors of its own for a file that is cut, down to a plain Exception.
    except Exception as cause:
        raise ValueError(f"The model in {folder} is broken: give --start another folder.") from cause
    if len(vocabulary) != size:
        raise ValueError(f"Tokenizer and weights in {folder} are of two models: give --start another folder.")
    log = _whole_rows(folder / "training_log.jsonl")
    return Start(vocabulary, weights, _digest(folder / "model.safetensors"), log)


def _check_shape(path: Path, recipe: Recipe) -> int:
    """Compare a config.json with the recipe; the number of tokens that it was made for.

    Raises:
        ValueError: it is broken or of another shape.
    """
    wanted = {
        "hidden_size": recipe.hidden,
        "num_hidden_layers": recipe.layers,
        "num_attention_heads": recipe.heads,
        "num_key_value_heads": recipe.heads,
        "intermediate_size": recipe.inner,
    }
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        found, size = {name: config[name] for name in wanted}, int(config["vocab_size"])
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise ValueError(f"{path} is missing or describes no reader: give --start another folder.") from cause
    for name, value in wanted.items():
        if found[name] != value:
            raise ValueError(
                f"The model in {path.parent} has {name} {found[name]} and the recipe {value}: give --start a reader of "
                "the recipe's shape."
            )
    return size


def read_checkpoint(out: Path, recipe: Recipe, start: str | None) -> dict[str, Any] | None:
    """The checkpoint in `out`, None where there is none; nothing is written, so a refused run harms no earlier one.

    Args:
        start: SHA-256 of the weights to start from; None from scratch.

    Raises:
        ValueError: it is broken, or of another run.
    """
    import torch

    path = out / "checkpoint.pt"
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    # A file that is cut is no zip archive, no pickle, or ends too early, each with its own error.
    except Exception as cause:
        raise ValueError(f"The checkpoint {path} is broken: delete it, or give --fresh, to begin anew.") from cause
    if not isinstance(state, dict) or not CHECKPOINT <= state.keys():
        raise ValueError(_other_version(path))
    otherwise = "give another --out, or --fresh (resume=False) to begin anew"
    if state["start"] != start:
        was, now = ("from scratch" if d is None else f"from weights {d[:8]}" for d in (state["start"], start))
        raise ValueError(f"The checkpoint in {out} began {was} and this run begins {now}: {otherwise}.")
    if state["recipe"] != asdict(recipe):
        raise ValueError(f"The checkpoint in {out} has other settings: {otherwise}.")
    if state["tokenizer"] != _digest(out / "tokenizer" / "tokenizer.json"):
        raise ValueError(f"The tokenizer in {out} is broken or not the one of its checkpoint: {otherwise}.")
    return state


def _other_version(path: Path) -> str:
    return f"The checkpoint {path} is of another version of labkit: delete it, or give --fresh, to begin anew."


def attention_mask(branch: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Additive mask (rows, 1, length, length): a token sees the context and its own branch, no later token."""
    import torch

    length = branch.shape[1]
    key, query = branch[:, None, None, :], branch[:, None, :, None]
    causal = torch.ones(length, length, dtype=torch.bool, device=branch.device).tril()
    seen = causal & ((key == 0) | (key == query))
    return torch.zeros(seen.shape, dtype=dtype, device=branch.device).masked_fill_(~seen, -1e4)


def learning_rate(progress: float, recipe: Recipe, matched: float = math.inf) -> float:
    """Share of the peak learning rate at `progress` (0 to 1): a trapezoid, with a notch where heads were set up.

    Args:
        matched: progress at which they were.
    """
    rise = progress / recipe.warmup if recipe.warmup > 0 else 1.0
    fall = (1.0 - progress) / recipe.decay if recipe.decay > 0 else 1.0
    settled = (progress - matched) / recipe.settling if progress >= matched and recipe.settling > 0 else 1.0
    return max(0.0, min(1.0, rise, fall, settled))


def level_at(progress: float, recipe: Recipe) -> int:
    """Index of the curriculum's level at `progress`."""
    return sum(progress >= start for start in recipe.phases)


def install_matching_head(layer: Any, states: torch.Tensor, number: torch.Tensor, theta: float = 10000.0) -> int:
    """Set one attention head of a layer so that it looks for the same token elsewhere and fetches its passage's number.

    Whether a name of the question stands in a title is a matter of looking for equal tokens. Learned from
    nothing this takes a thousand steps and more; a head whose queries and keys are the same projection has it
    from the start. Only slowly turning dimensions of the rotary embedding are used, so that distance does not count.
    Source: Trockman and Kolter 2023, Mimetic Initialization of Self-Attention Layers.

    Args:
        layer: of a Llama model; its weakest head (smallest product of value and output weights) is replaced.
        states: (tokens, hidden) what the layer reads, as it comes. number: (tokens,) passage of each, 0 for none.
        theta: base of the rotary embedding.

    Returns:
        The number of the head.
    """
    import torch

    attention = layer.self_attn
    size = attention.head_dim
    read = layer.input_layernorm(states)
    mean = read.mean(0)
    spread, axes = torch.linalg.eigh((read - mean).T @ (read - mean) / len(read))
    slow = [i for i in range(size // 2) if theta ** (2 * i / size) > 100]
    rows = [*slow, *(i + size // 2 for i in slow)]
    # The widest few axes tell kinds of tokens apart, not tokens.
    taken = slice(-8 - len(rows), -8)
    whitened = (axes[:, taken] / spread[taken].clamp_min(1e-8).sqrt()).T
    sharpness = (20.0 * size**0.5 / len(rows)) ** 0.5
    means = [read[number == n].mean(0) - mean for n in number.unique().tolist() if n > 0 and (number == n).sum() > 4]
    passages = torch.linalg.qr(torch.stack(means).T)[0][:, : size // 2].T if means else read.new_zeros(0, read.shape[1])
    values = attention.v_proj.weight.detach().view(-1, size, read.shape[1])
    outputs = attention.o_proj.weight.detach().view(read.shape[1], -1, size)
    weights = [float(torch.linalg.matrix_norm(outputs[:, h] @ values[h])) for h in range(len(values))]
    head = weights.index(min(weights))
    with torch.no_grad():
        for weight in (attention.q_proj.weight, attention.k_proj.weight):
            part = weight.view(-1, size, read.shape[1])[head]
            part.zero_()
            part[rows] = sharpness * whitened
        values[head, : len(passages)] = passages
        outputs[:, head, : len(passages)] = passages.T * states.square().mean().sqrt()
    return head


def newton_schulz(
    grad: torch.Tensor, ns_coefficients: tuple[float, float, float], ns_steps: int, eps: float
) -> torch.Tensor:
    """Muon's orthogonalization in the gradient's own precision.

    PyTorch's Muon computes it in bfloat16, which a processor without native support emulates: ten times slower than
    fp32, and slower than the rest of a training step.
    Source: Jordan et al. 2024, Muon: An optimizer for hidden layers in neural networks.

    Args:
        grad: (rows, columns). ns_coefficients, ns_steps, eps: as in `torch.optim.Muon`.
    """
    a, b, c = ns_coefficients
    update = grad.T if grad.size(0) > grad.size(1) else grad
    update = update / update.norm().clamp(min=eps)
    for _ in range(ns_steps):
        gram = update @ update.T
        update = a * update + (b * gram + c * gram @ gram) @ update
    return update.T if grad.size(0) > grad.size(1) else update


@contextlib.contextmanager
def native_muon(dtype: torch.dtype) -> Iterator[None]:
    """Where training runs in fp32, PyTorch's Muon computes with `newton_schulz` inside this context."""
    import torch

    module = cast(Any, torch.optim)._muon
    own = module._zeropower_via_newtonschulz
    if dtype == torch.float32:
        module._zeropower_via_newtonschulz = newton_schulz
    try:
        yield
    finally:
        module._zeropower_via_newtonschulz = own


class Trainer:
    """One training run: model, optimisers, place in the stream, log."""

    def __init__(
        self,
        out: Path,
        recipe: Recipe,
        *,
        minutes: float | None,
        steps: int | None,
        compiled: bool,
        start: Path | None,
        bank: worlds.Bank | None = None,
        workers: int = 0,
        resume: bool = True,
    ) -> None:
        import torch

        from labkit import models

        self.out, self.recipe, self.minutes, self.steps_wanted, self.bank = out, recipe, minutes, steps, bank
        self.device = torch.device(models.device())
        self.dtype = torch.bfloat16 if models.native_bf16() else torch.float32
        self.start = load_start(start, recipe) if start is not None else None
        self._saved = read_checkpoint(out, recipe, self.start.digest if self.start else None) if resume else None
        # From here on the run writes.
        self.vocabulary = self._vocabulary()
        self.model = new_model(recipe, self.vocabulary)
        # Read out of a middle layer and of the last but one; thrown away after training.
        self.placing = torch.nn.ModuleDict(
            {
                name: torch.nn.Linear(recipe.hidden, PLACES + 1, device=self.device)
                for name in ("context", "match", "match again", "asked", "answer")
            }
            | {name: torch.nn.Linear(recipe.hidden, POINTER, device=self.device) for name in ("asking", "value")}
            | {"topic": torch.nn.Linear(recipe.hidden, TOPICS, device=self.device)}
        )
        if self.start is not None:
            self.model.load_state_dict(self.start.weights)
        cast(Any, self.model).to(self.device)
        self.step, self.trained_s, self.tokens_seen, self.making_s = 0, 0.0, 0, 0.0
        self.macro, self.place, self.level = 0, 0, 0
        self.matched = math.inf
        self.reply_loss = 0.0
        self.placed = {
            "context": 0.0,
            "match": 0.0,
            "match again": 0.0,
            "asked": 0.0,
            "answer": 0.0,
            "topic": 0.0,
            "pointer": 0.0,
        }
        # The log of the sittings before this one.
        earlier = self.start.log if self.start is not None else []
        self.earlier = "".join(f"{line}\n" for line, _ in earlier)
        self.sitting = 1 + max((row.get("sitting", 1) for _, row in earlier), default=0)
        # While a step runs, weights and place in the stream do not belong together.
        self.stepping = self.stop = False
        self._batches: list[batches.Batch] = []
        self._ahead = batches.Ahead(workers, out / "tokenizer", recipe.seed, recipe.tokens) if workers else None
        self._optimisers = self._new_optimisers()
        self._loss = self._build_loss(compiled)
        self._checkpointed_s = self._evaluated_s = 0.0

    def _vocabulary(self) -> PreTrainedTokenizerFast:
        """The vocabulary of the checkpoint; without one the start's, or a new one, which replaces an earlier run's."""
        folder = self.out / "tokenizer"
        if self._saved is None:
            made = self.start.vocabulary if self.start else tokenizer.train_tokenizer(self.recipe.vocabulary_groups)
            (self.out / "checkpoint.pt").unlink(missing_ok=True)
            made.save_pretrained(folder)
        return tokenizer.load_tokenizer(folder)

    def install_matching_heads(self) -> None:
        """Give two middle layers a head that looks for equal tokens, fitted on a few batches."""
        import torch

        self.matched = self.progress()
        made = batches.macro(self.recipe.seed, 999_983, 1, self.vocabulary, self.recipe.tokens, count=3)
        for at in (self.recipe.layers // 3, self.recipe.layers // 2):
            states, numbers = [], []
            for batch in made:
                mask = attention_mask(torch.from_numpy(batch.branch), torch.float32).to(self.device)
                # Not compiled: three batches are not worth the compiler's time.
                with torch.no_grad(), torch.compiler.set_stance("force_eager"):
                    output = cast(Any, self.model.model)(
                        input_ids=torch.from_numpy(batch.tokens).to(self.device), attention_mask=mask,
                        position_ids=torch.from_numpy(batch.position).to(self.device),
                        use_cache=False, output_hidden_states=True,
                    )  # fmt: skip
                passage = np.zeros(batch.tokens.size, np.int64)
                passage[batch.placed] = batch.number + 1
                used = torch.from_numpy(np.flatnonzero(batch.branch.reshape(-1) >= 0)).to(self.device)
                states.append(output.hidden_states[at].reshape(-1, self.recipe.hidden)[used])
                numbers.append(torch.from_numpy(passage).to(self.device)[used])
            install_matching_head(self.model.model.layers[at], torch.cat(states), torch.cat(numbers))

    def _new_optimisers(self) -> list[torch.optim.Optimizer]:
        import torch

        hidden = [p for n, p in self.model.named_parameters() if p.ndim == 2 and "embed" not in n]
        others = [p for n, p in self.model.named_parameters() if not (p.ndim == 2 and "embed" not in n)]
        others += self.placing.parameters()
        muon = torch.optim.Muon(hidden, lr=self.recipe.muon, momentum=0.95, adjust_lr_fn="original")
        adam = torch.optim.AdamW(others, lr=self.recipe.adam, betas=(0.9, 0.95), weight_decay=0.01)
        return [muon, adam]

    def _build_loss(self, compiled: bool) -> Callable[..., torch.Tensor]:
        import torch
        from transformers import AttentionInterface

        model: Any = self.model
        AttentionInterface.register("labkit", _attention)
        model.set_attn_implementation("labkit" if self.device.type == "cpu" else "sdpa")
        if compiled:
            # Compiled layer by layer: the layers share code, so a new row length costs seconds.
            torch._dynamo.config.recompile_limit = 64
            for layer in model.model.layers:
                layer.forward = torch.compile(layer.forward, dynamic=False)

        def loss(batch: batches.Batch) -> torch.Tensor:
            def put(array: Any) -> torch.Tensor:
                return torch.from_numpy(array).to(self.device)

            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16):
                mask = attention_mask(put(batch.branch), self.dtype)
                output = model.model(
                    input_ids=put(batch.tokens), attention_mask=mask, position_ids=put(batch.position),
                    use_cache=False, output_hidden_states=True,
                )  # fmt: skip
                states = output.last_hidden_state
                logits = model.lm_head(states.reshape(-1, states.shape[-1])[put(batch.chosen)])
            aside = self._placing_loss(output.hidden_states, batch, put)
            each = torch.nn.functional.cross_entropy(logits.float(), put(batch.target), reduction="none")
            weight = put(batch.weight)
            self.reply_loss = float(each.detach()[weight >= 1].mean())
            return (each * weight).sum() / weight.sum() + self.recipe.placing * aside

        return loss

    def _placing_loss(self, states: Sequence[torch.Tensor], batch: batches.Batch, put: Callable[..., Any]) -> Any:
        """Sum of the auxiliary losses; notes how often each question is answered rightly."""
        import torch

        source = batch.source[np.searchsorted(batch.sourced, batch.asking)]
        # Each skill is asked for one layer above those that it builds on: a head reads what the layer below knows.
        low, middle, high = (states[round(self.recipe.layers * share)] for share in (1 / 3, 1 / 2, 2 / 3))
        asked = {
            "context": (low, batch.placed, batch.number),
            # Which passage is asked for, by the names in the question, before its value is looked for.
            "asked": (high, batch.asking[source > 0], source[source > 0]),
            "match": (middle, batch.matched, batch.match),
            "match again": (high, batch.matched, batch.match),
            "answer": (states[-2], batch.sourced, batch.source),
            "topic": (high, batch.topical, batch.topic),
        }
        total: Any = 0.0
        for name, (state, at, wanted) in asked.items():
            if not len(at):
                continue
            target = put(wanted)
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16):
                scores = self.placing[name](state.reshape(-1, state.shape[-1])[put(at)])
            self.placed[name] = float((scores.detach().argmax(-1) == target).float().mean())
            total = total + torch.nn.functional.cross_entropy(scores.float(), target)
        return total + self._pointer_loss(states[-2], batch, put)

    def _pointer_loss(self, state: torch.Tensor, batch: batches.Batch, put: Callable[..., Any]) -> Any:
        """Loss of pointing from the question to where its value stands, as in extractive question answering."""
        import torch

        if not len(batch.asking):
            return 0.0
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            asking = self.placing["asking"](state.reshape(-1, state.shape[-1])[put(batch.asking)])
            keys = self.placing["value"](state)[put(batch.asked_row)]
        scores = torch.einsum("kd,kld->kl", asking.float(), keys.float()) / POINTER**0.5
        scores = scores.masked_fill(put(batch.branch)[put(batch.asked_row)] != 0, -1e9)
        found = put(batch.found)
        self.placed["pointer"] = float(found.gather(1, scores.detach().argmax(1, keepdim=True)).float().mean())
        return (scores.logsumexp(1) - scores.masked_fill(~found, -1e9).logsumexp(1)).mean()

    def progress(self) -> float:
        """Share of the run that is done, by steps or by trained time."""
        if self.steps_wanted is not None:
            return min(1.0, self.step / self.steps_wanted)
        assert self.minutes is not None
        return min(1.0, self.trained_s / (60.0 * self.minutes))

    def _next_batch(self) -> batches.Batch:
        if self._batches and self.place >= len(self._batches):
            self.macro, self.place, self._batches = self.macro + 1, 0, []
        if not self._batches:
            if self.place == 0:
                self.level = level_at(self.progress(), self.recipe)
            start = time.perf_counter()
            self._batches = self._macro()
            self.making_s += time.perf_counter() - start
        self.place += 1
        return self._batches[self.place - 1]

    def _macro(self) -> list[batches.Batch]:
        recipe = self.recipe
        if self._ahead is not None:
            return self._ahead.take(self.macro, self.level)
        return batches.macro(recipe.seed, self.macro, self.level, self.vocabulary, recipe.tokens, bank=self.bank)

    def close(self) -> None:
        """End the processes that make batches."""
        if self._ahead is not None:
            self._ahead.close()

    def train_step(self) -> dict[str, float]:
        """One step; returns the figures for the log."""
        import torch

        start = time.perf_counter()
        share = learning_rate(self.progress(), self.recipe, self.matched)
        peaks = (self.recipe.muon, self.recipe.adam)
        for optimiser, peak in zip(self._optimisers, peaks, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = peak * share
        batch = self._next_batch()
        loss = self._loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        with native_muon(self.dtype):
            for optimiser in self._optimisers:
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
        value = float(loss.detach())
        if value != value:
            raise RuntimeError("The loss is no number any more: lower the learning rates and start again.")
        self.step += 1
        self.tokens_seen += batch.used
        self.trained_s += min(time.perf_counter() - start, PAUSE_S)
        return {
            "loss": value,
            "reply_loss": self.reply_loss,
            **{f"placed_{k}": v for k, v in self.placed.items()},
            "muon": peaks[0] * share,
            "adam": peaks[1] * share,
        }

    def log(self, row: dict[str, Any]) -> None:
        """Append a row to log.jsonl."""
        figures = {
            "sitting": self.sitting,
            "step": self.step,
            "tokens": self.tokens_seen,
            "seconds": round(self.trained_s, 1),
            **row,
        }
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")

    def trim_log(self) -> None:
        """Drop the rows after the checkpoint: those steps are trained again."""
        path = self.out / "log.jsonl"
        kept = []
        for line, row in _whole_rows(path):
            if row.get("step", 0) > self.step:
                break
            kept.append(line)
        paths.write_atomic(path, "".join(f"{line}\n" for line in kept))

    def save_checkpoint(self) -> None:
        """Write the checkpoint in one step, so that a kill leaves the old one or the new one."""
        import torch

        state = {
            "model": self.model.state_dict(),
            "placing": self.placing.state_dict(),
            "optimisers": [o.state_dict() for o in self._optimisers],
            "recipe": asdict(self.recipe),
            "start": self.start.digest if self.start else None,
            "tokenizer": _digest(self.out / "tokenizer" / "tokenizer.json"),
            "matched": self.matched,
            "place": [self.step, self.trained_s, self.tokens_seen, self.making_s, self.macro, self.place, self.level],
        }
        temporary = self.out / "checkpoint.tmp"
        torch.save(state, temporary)
        os.replace(temporary, self.out / "checkpoint.pt")
        self._checkpointed_s = self.trained_s

    def load_checkpoint(self) -> bool:
        """Go on from the checkpoint that stood in the folder when the run was set up; False where there was none.

        Raises:
            ValueError: the checkpoint does not fit the model of this version.
        """
        state, self._saved = self._saved, None
        if state is None:
            return False
        try:
            self.model.load_state_dict(state["model"])
            self.placing.load_state_dict(state["placing"])
            for optimiser, saved in zip(self._optimisers, state["optimisers"], strict=True):
                optimiser.load_state_dict(saved)
            self.matched = state["matched"]
            self.step, self.trained_s, self.tokens_seen, self.making_s, *place = state["place"]
            self.macro, self.place, self.level = place
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as cause:
            raise ValueError(_other_version(self.out / "checkpoint.pt")) from cause
        if self.place:
            self._batches = self._macro()
        self._checkpointed_s = self._evaluated_s = self.trained_s
        return True

    def short_evaluation(self) -> dict[str, float]:
        """Exact match on held-out worlds: one and three passages, known and held-out wordings."""
        from synthesis.reader import evaluate

        figures = {}
        # A copy that is not compiled: generation changes its shapes with every token.
        reader = evaluate.wrapped(self._shipped(), self.vocabulary)
        for passages in (1, 3):
            for wording in ("known", "both"):
                scored = evaluate.score(reader, passages=passages, wording=wording, n=self.recipe.questions)
                for short, name in (
                    ("em", "exact_match"),
                    ("refused", "wrongly_refused"),
                    ("cited", "citation_accuracy"),
                ):
                    value = scored[name].value
                    figures[f"{short}_{passages}_{wording}"] = round(value, 4) if value == value else 0.0
        return figures

    def _shipped(self) -> LlamaForCausalLM:
        """A copy of the model as it is shipped: weights in bfloat16, its generation settings."""
        import torch
        from transformers import GenerationConfig, LlamaForCausalLM

        config = deepcopy(self.model.config)
        config._attn_implementation = "sdpa"
        copy = LlamaForCausalLM(config)
        copy.load_state_dict(self.model.state_dict())
        copy.generation_config = GenerationConfig(
            bos_token_id=self.vocabulary.bos_token_id, eos_token_id=self.vocabulary.eos_token_id,
            pad_token_id=self.vocabulary.pad_token_id, do_sample=False, max_new_tokens=40,
        )  # fmt: skip
        cast(Any, copy).to(self.device, torch.bfloat16)
        return copy.eval()

    def save_model(self) -> Path:
        """Weights in bfloat16, tokenizer, generation settings and log, ready for `from_pretrained`.

        Raises:
            ValueError: the weights are larger than the course may carry.
        """
        from transformers.utils import logging

        folder = self.out / "model"
        logging.disable_progress_bar()
        self._shipped().save_pretrained(folder)
        logging.enable_progress_bar()
        self.vocabulary.save_pretrained(folder)
        size = (folder / "model.safetensors").stat().st_size / 1e6
        if size > LIMIT_MB:
            raise ValueError(f"The weights take {size:.1f} MB; at most {LIMIT_MB:.0f} MB fit: make the model smaller.")
        own = (self.out / "log.jsonl").read_text(encoding="utf-8")
        paths.write_atomic(folder / "training_log.jsonl", self.earlier + own)
        return folder


def train(
    out: Path,
    minutes: float | None = 60.0,
    *,
    steps: int | None = None,
    threads: int | None = None,
    log_every: int = 25,
    resume: bool = True,
    compiled: bool = True,
    recipe: Recipe | None = None,
    start: Path | None = None,
    bank: worlds.Bank | None = None,
    workers: int | None = None,
    say: Callable[[str], None] = SAY,
) -> Path:
    """Train the reader and save it.

    Args:
        out: folder for checkpoint, log and the finished model (`out/model`).
        minutes: trained time; `steps` overrides it. threads: of PyTorch, by default its own choice, which
            OMP_NUM_THREADS limits. log_every: steps between rows of the log.
        resume: go on from a checkpoint in `out`, which is deleted otherwise. compiled: use torch.compile.
        recipe: settings; `Recipe()` from scratch and `CONTINUED` from `start` by default. say: shows progress.
        bank: wordings, instead of the whole bank; only `answer` is trained then.
        start: folder of a finished reader, or of its run, whose weights and vocabulary are trained further; from
            scratch by default.
        workers: processes that make the examples, which are the same with any number; by default none on a CPU, which
            they would only slow down, and on a GPU as many as there are other processor cores, up to 14. A script that
            calls this on a GPU needs the usual `if __name__ == "__main__":`, or workers=0. Not with a `bank`.

    Returns:
        Folder of the finished model.

    Raises:
        FileNotFoundError: there is no finished reader to start from.
        ValueError: neither minutes nor steps are given, or what there is to start or to go on from is broken or does
            not fit the recipe; nothing was written then.
        KeyboardInterrupt: Ctrl-C; the checkpoint is saved, and the same call goes on.
    """
    import torch

    length = minutes if steps is None else steps
    if length is None or not length > 0:
        raise ValueError("Say how long to train: give minutes or steps, more than none.")
    if threads is not None:
        torch.set_num_threads(threads)
    recipe = recipe or (CONTINUED if start else Recipe())
    if workers is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = min(14, cores - 1) if torch.cuda.is_available() else 0
    run = Trainer(
        out, recipe, minutes=minutes, steps=steps, compiled=compiled, start=start, bank=bank,
        workers=0 if bank else workers, resume=resume,
    )  # fmt: skip
    with contextlib.closing(run):
        if run.load_checkpoint():
            run.trim_log()
            say(f"going on from step {run.step}, {run.trained_s / 60:.1f} min trained")
        else:
            (out / "log.jsonl").write_text("", encoding="utf-8")
        with _stopping(run):
            _train_to_the_end(run, log_every, say)
    with _stopping(run):
        run.save_checkpoint()
        _log_evaluation(run, say)
        return run.save_model()


@contextlib.contextmanager
def _stopping(run: Trainer) -> Iterator[None]:
    """Where Ctrl-C saves the checkpoint: at once between steps, else after the step; a second one does not wait.

    Raises:
        KeyboardInterrupt: Ctrl-C; the message says how to go on.
    """

    def ask(*_: Any) -> None:
        if not run.stepping or run.stop:
            raise KeyboardInterrupt
        run.stop = True

    # Other threads get no signals, and who ignores or handles them otherwise goes on to do so.
    mine = threading.current_thread() is threading.main_thread()
    mine = mine and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if mine:
        signal.signal(signal.SIGINT, ask)
    try:
        yield
    except KeyboardInterrupt:
        if run.stepping:
            raise KeyboardInterrupt("stopped; the same command goes on from the last checkpoint") from None
        run.save_checkpoint()
        raise KeyboardInterrupt(f"stopped at step {run.step}; the same command goes on") from None
    finally:
        if mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _log_evaluation(run: Trainer, say: Callable[[str], None]) -> None:
    scores = run.short_evaluation()
    run.log({"evaluation": scores})
    say("  ".join(f"{k} {v:.2f}" for k, v in scores.items()))


def _train_to_the_end(run: Trainer, log_every: int, say: Callable[[str], None]) -> None:
    """Steps, rows of the log, checkpoints and evaluations until the run is done."""
    millions = sum(p.numel() for p in run.model.parameters()) / 1e6
    say(f"{millions:.2f} M parameters, {len(run.vocabulary)} tokens in the vocabulary, {run.device}, {run.dtype}")
    losses: list[float] = []
    replies: list[float] = []
    mark = (run.trained_s, run.tokens_seen)
    while run.progress() < 1.0:
        run.stepping = True
        # One passage alone needs no matching.
        if run.matched == math.inf and run.level > 0 and run.progress() >= run.recipe.matching:
            run.install_matching_heads()
        figures = run.train_step()
        run.stepping = False
        losses.append(figures["loss"])
        replies.append(figures["reply_loss"])
        if run.step % log_every == 0:
            seconds, seen = run.trained_s - mark[0], run.tokens_seen - mark[1]
            mark = (run.trained_s, run.tokens_seen)
            means = {"loss": sum(losses) / len(losses), "reply_loss": sum(replies) / len(replies)}
            row = {**figures, **means, "tokens_per_s": seen / seconds, "level": run.level,
                   "making_share": run.making_s / run.trained_s}  # fmt: skip
            losses.clear()
            replies.clear()
            run.log(row)
            say(
                f"step {run.step:5d}  {run.trained_s / 60:5.1f} min  loss {row['loss']:.3f}  "
                f"reply {row['reply_loss']:.3f}  placed {' '.join(f'{v:.2f}' for v in run.placed.values())}  "
                f"{row['tokens_per_s']:.0f} tokens/s  level {run.level}  making {row['making_share']:.1%}"
            )
        if run.stop:
            raise KeyboardInterrupt
        if run.trained_s - run._checkpointed_s >= run.recipe.checkpoint_s:
            run.save_checkpoint()
        if run.trained_s - run._evaluated_s >= run.recipe.evaluate_s:
            run._evaluated_s = run.trained_s
            _log_evaluation(run, say)


def ship(model: Path, target: Path) -> None:
    """Put a finished model into the course, with checksums; its README.md there stays.

    Args:
        model: folder that `train` returned, or of the run. target: `data/models/reader` of the checkout.

    Raises:
        FileNotFoundError: there is no finished model.
    """
    model = model_folder(model)
    target.mkdir(parents=True, exist_ok=True)
    for source in sorted(model.iterdir()):
        temporary = target / f".{source.name}.tmp"
        shutil.copyfile(source, temporary)
        temporary.replace(target / source.name)
    paths.write_checksums(target, [p.name for p in model.iterdir()])
