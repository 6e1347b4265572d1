"""The generator: a causal language model that writes answers, in batches."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from labkit.models import shipped_replies
from labkit.models.chat_template import prompt_text, reply_text
from labkit.models.device import device
from labkit.models.store import Store
from labkit.prompts import Message

if TYPE_CHECKING:
    from llama_index.core.llms import LLM
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def check_chats(prompts: Sequence[Sequence[Message]]) -> None:
    """Raise a ValueError where a chat stands in place of a list of chats."""
    if isinstance(prompts, str) or any(isinstance(chat, str | Mapping) for chat in prompts):
        raise ValueError("Give a list of chats, each of them a list of messages: write [messages] for a single chat.")


def _at_least_one(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} is {value!r}: choose a whole number of 1 or more.")
    return int(value)


def mean_likelihood(logits: Any, tokens: Any) -> float:
    return float(logits.log_softmax(-1).gather(-1, tokens[:, None]).mean())


@dataclass
class Generator:
    """A causal language model with its tokenizer and chat template.

    Attributes:
        model: the transformers object; use it freely.
        tokenizer: with the chat template.
        name: what was loaded.
        max_length: longest prompt plus answer, in tokens.
        max_new_tokens: longest answer, in tokens.
        batch_size: prompts generated together.
        fingerprint: says which weights, adapters and quantization; replies are kept on disk and shipped under it. None,
            as for a model whose weights may change, keeps nothing.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    max_length: int
    max_new_tokens: int = 40
    batch_size: int = 8
    fingerprint: str | None = None

    def __repr__(self) -> str:
        millions = sum(p.numel() for p in self.model.parameters()) / 1e6
        return f"Generator({self.name!r}, {millions:.1f} M parameters, {self.memory_mb():.1f} MB)"

    def memory_mb(self) -> float:
        """Memory of the weights and buffers, in MB (1e6 bytes)."""
        return float(self.model.get_memory_footprint()) / 1e6

    def text(self, messages: Sequence[Message]) -> str:
        """Messages as the model's own chat template writes them, ready for its answer; see `prompt_text`."""
        return prompt_text(self.tokenizer, messages)

    def reply_text(self, messages: Sequence[Message], reply: str) -> str:
        """A reply with its end, as the template writes it behind `text(messages)`."""
        return reply_text(self.tokenizer, messages, reply)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Length of a prompt in the model's own tokens."""
        # Not verbose: a prompt that is too long is found out by its length, not by a warning.
        return len(self.tokenizer(self.text(messages), add_special_tokens=False, verbose=False)["input_ids"])

    def count_reply_tokens(self, messages: Sequence[Message], reply: str) -> int:
        """Length of a reply to a prompt in the model's own tokens, its end included."""
        return len(self.tokenizer(self.reply_text(messages, reply), add_special_tokens=False)["input_ids"])

    def room(self) -> int:
        """Tokens a prompt may have so that an answer still fits into the window."""
        return self.max_length - self.max_new_tokens

    def generate(
        self,
        prompts: Sequence[Sequence[Message]],
        max_new_tokens: int | None = None,
        batch_size: int | None = None,
        progress: bool = False,
    ) -> list[str]:
        """Answer many prompts, greedily, in batches sorted by length; a reply on disk is not written again.

        Args:
            prompts: chat messages, one list a prompt.
            max_new_tokens: overrides that of the generator.
            batch_size: overrides that of the generator.
            progress: show a bar.

        Returns:
            The replies, in the order of the prompts, without special tokens.

        Raises:
            ValueError: a prompt does not fit into the window, a number is not at least 1, or a single chat was given
                instead of a list.
        """
        texts, new, size = self._asked(prompts, max_new_tokens, batch_size)
        return self._answers(
            f"generate {new}", texts, lambda missing: self._generate([texts[i] for i in missing], new, size, progress)
        )

    def _asked(
        self, prompts: Sequence[Sequence[Message]], max_new_tokens: int | None, batch_size: int | None
    ) -> tuple[list[str], int, int]:
        """Prompts as the model reads them, and the two numbers, the generator's own by default; see `generate`."""
        check_chats(prompts)
        new = _at_least_one("max_new_tokens", self.max_new_tokens if max_new_tokens is None else max_new_tokens)
        size = _at_least_one("batch_size", self.batch_size if batch_size is None else batch_size)
        return [self.text(p) for p in prompts], new, size

    def sample(
        self,
        prompts: Sequence[Sequence[Message]],
        count: int = 3,
        temperature: float = 1.0,
        seed: int = 0,
        max_new_tokens: int | None = None,
    ) -> list[list[str]]:
        """Replies drawn at random from the model's distribution, several to each prompt.

        Args:
            prompts: chat messages, one list a prompt.
            count: replies to each prompt.
            temperature: that the logits are divided by; below 1 likely replies become likelier.
            seed: of the draws.
            max_new_tokens: overrides that of the generator.

        Returns:
            `count` replies to each prompt, the same ones possibly several times.

        Raises:
            ValueError: as `generate`, or the temperature is not above 0.
        """
        texts, new, size = self._asked(prompts, max_new_tokens, None)
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature!r}: choose one above 0, or write greedily with `generate`.")
        task = f"draw {new} {(_at_least_one('count', count), temperature, seed)}"
        # Of all tokens: the defaults of transformers leave out those behind the 50 likeliest.
        drawn = dict(do_sample=True, num_return_sequences=count, temperature=temperature, top_k=0, top_p=1.0)

        def compute(missing: list[int]) -> list[str]:
            import torch

            with torch.random.fork_rng():
                torch.manual_seed(seed)
                return self._generate([texts[i] for i in missing], new, size, False, **drawn)

        return [json.loads(replies) for replies in self._answers(task, texts, compute)]

    def _answers(self, task: str, contents: Sequence[str], compute: Callable[[list[int]], Sequence[str]]) -> list[str]:
        """Answers in the order of the contents: shipped ones, those on disk, and the others computed and kept."""
        made = f"{str(self.model.dtype).removeprefix('torch.')} on {device()}"
        store = Store("replies", f"{self.fingerprint} {made} {task}")
        tally = shipped_replies.tally
        return shipped_replies.looked_up(self.fingerprint, task, made, contents, compute, store, tally)

    def _generate(self, texts: Sequence[str], new: int, size: int, progress: bool, **drawn: Any) -> list[str]:
        """Replies to prompts as the model reads them; several where `drawn` tells transformers so, as JSON."""
        import torch
        from tqdm.auto import tqdm

        network, padding, rows = cast(Any, self.model), self.tokenizer.pad_token_id, self._ids(texts)
        settings = dict(do_sample=False, use_cache=True, pad_token_id=padding, max_new_tokens=new) | drawn
        batches, replies = self._batches(rows, size, new), [""] * len(texts)
        bar = tqdm(total=len(texts), desc="answering", unit="question", disable=not progress)
        for batch in batches:
            inputs = self._padded([rows[i] for i in batch])
            with torch.inference_mode():
                answers = network.generate(**inputs, **settings)[:, inputs["input_ids"].shape[1] :]
            written = [r.strip() for r in self.tokenizer.batch_decode(answers, skip_special_tokens=True)]
            count = len(written) // len(batch)
            for place, i in enumerate(batch):
                own = written[place * count : (place + 1) * count]
                replies[i] = json.dumps(own) if drawn else own[0]
            bar.update(len(batch))
        bar.close()
        return replies

    def log_likelihood(
        self, prompts: Sequence[Sequence[Message]], replies: Sequence[str], batch_size: int | None = None
    ) -> np.ndarray:
        """How likely the model finds given replies, in batches.

        Args:
            prompts: chat messages.
            replies: one to each.
            batch_size: overrides that of the generator.

        Returns:
            float64 array of shape (len(prompts),): mean natural-log likelihood a token of the reply, its end included.

        Raises:
            ValueError: a prompt with its reply does not fit into the window, `batch_size` is not at least 1, or a
                single chat was given instead of a list.
        """
        asked, _, size = self._asked(prompts, None, batch_size)
        written = [self.reply_text(p, r) for p, r in zip(prompts, replies, strict=True)]
        pairs = list(zip(asked, written, strict=True))
        texts = ["\x00".join(pair) for pair in pairs]
        found = self._answers(
            "likelihood",
            texts,
            lambda missing: [f"{v:.4f}" for v in self.forced([pairs[i] for i in missing], mean_likelihood, size)],
        )
        return np.array(found, dtype=float)

    def forced(
        self, pairs: Sequence[tuple[str, str]], measure: Callable[[Any, Any], float], size: int = 8
    ) -> list[float]:
        """A measure of (logits, tokens) of each reply, when the model is made to write it after its prompt."""
        import torch

        heads, tails = self._ids([p for p, _ in pairs]), self._ids([r for _, r in pairs])
        rows = [head + tail for head, tail in zip(heads, tails, strict=True)]
        found = [0.0] * len(rows)
        network: Any = getattr(self.model, "get_base_model", lambda: self.model)()
        placed = "position_ids" in inspect.signature(network.forward).parameters
        for batch in self._batches(rows, size):
            inputs = self._padded([rows[i] for i in batch])
            if placed:
                # Counted from the first token, not from the padding before it.
                inputs["position_ids"] = (inputs["attention_mask"].cumsum(-1) - 1).clamp(min=0)
            longest = max(len(tails[i]) for i in batch)
            with torch.inference_mode():
                logits = cast(Any, self.model)(**inputs, logits_to_keep=longest + 1).logits.float()
            for i, row, tokens in zip(batch, logits[:, :-1], inputs["input_ids"][:, -longest:], strict=True):
                # Padding stands on the left, so the reply is at the end.
                found[i] = measure(row[-len(tails[i]) :], tokens[-len(tails[i]) :])
        return found

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        return list(self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]) if texts else []

    def _padded(self, rows: list[list[int]]) -> dict[str, Any]:
        padded = self.tokenizer.pad({"input_ids": rows}, return_tensors="pt")
        return {name: padded[name].to(self.model.device) for name in ("input_ids", "attention_mask")}

    def _batches(self, rows: Sequence[Sequence[int]], size: int, new: int = 0) -> list[list[int]]:
        """Places of the rows that are computed at once, the longest first; an error where one does not fit."""
        longest = max(map(len, rows), default=0)
        if longest + new > self.max_length:
            raise ValueError(
                f"A prompt of {longest} tokens with an answer of {new} does not fit into the window of "
                f"{self.max_length}: give fewer or shorter passages, or a shorter question."
            )
        order = sorted(range(len(rows)), key=lambda i: (-len(rows[i]), i))
        return [order[start : start + size] for start in range(0, len(order), size)]

    def as_llm(self) -> LLM:
        """The generator as a LlamaIndex LLM, for any LlamaIndex component (greedy, like `generate`)."""
        from llama_index.core.base.llms.types import ChatMessage
        from llama_index.llms.huggingface import HuggingFaceLLM

        def chat(messages: Sequence[ChatMessage]) -> str:
            return self.text([{"role": m.role.value, "content": m.content or ""} for m in messages])

        return HuggingFaceLLM(
            model=self.model,
            tokenizer=self.tokenizer,
            model_name=self.name,
            tokenizer_name=self.name,
            context_window=self.max_length,
            max_new_tokens=self.max_new_tokens,
            generate_kwargs={"do_sample": False, "pad_token_id": self.tokenizer.pad_token_id},
            messages_to_prompt=chat,
            completion_to_prompt=lambda text: self.text([{"role": "user", "content": text}]),
            is_chat_model=True,
        )
