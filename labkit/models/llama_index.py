"""Models of others in place of ours: any LlamaIndex LLM or embedding, also behind an address, and what they do not see.

Personal data is taken out of prompts before such a model reads them, and put back into its replies. Addresses are
OpenAI-compatible: Ollama, vLLM, llama.cpp's server, or a hosted one.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from labkit import profiles
from labkit.models.chat_template import without_control_tokens
from labkit.models.encoders import Embedder
from labkit.models.generator import Generator, check_chats
from labkit.prompts import Message

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.llms import LLM, ChatMessage


_EMAIL = r"[\w.+'-]*\w@\w[\w-]*(?:\.\w[\w-]*)+"
_BETWEEN = r"(?:[./-]| ?[()]? ?)"
_DIGITS = rf"\(?\d(?:{_BETWEEN}\d){{6,14}}(?!\w|,\d|{_BETWEEN}\d)"
# Not an amount such as +1.250.000.
_PHONE = rf"(?<![\w+])\+(?!\d{{1,3}}(?:\.\d{{3}})+(?![\d.]*\d)){_DIGITS}"
_KINDS = {"EMAIL": "e-mail addresses", "PHONE": "phone numbers", "PERSON": "names"}
_PLACEHOLDER = re.compile(rf"\b(?:{'|'.join(_KINDS)})-\d+\b")
# What may be personal, but is not known for certain.
_UNCERTAIN = {
    "perhaps phone numbers": re.compile(rf"(?<![\w+.,-])\(?0{_DIGITS}"),
    "perhaps names": re.compile(r"\b(?:Mr|Mrs|Ms|Mx|Dr|Prof)\.? (?!PERSON-)[^\W\d_a-z][\w'-]+(?: [^\W\d_a-z][\w'-]+)*"),
}


@dataclass
class PersonalData:
    """Replaces what is certainly personal by placeholders (PERSON-1, EMAIL-1), the same for the same text in a chat.

    Certain are e-mail addresses, phone numbers with a country code (+49 30 1234567), and the names given, written as
    given or in capitals. Anything else stays as it is: other names, surnames alone, national phone numbers, addresses,
    dates of birth. What looks like a name or a number and stays is counted in `report`, so that a person can look.

    Attributes:
        names: of persons, known for certain, such as the officers in a register.
        report: how often what was replaced, and what was left.
    """

    names: Collection[str] = ()
    report: Counter[str] = field(default_factory=Counter, init=False)

    @cached_property
    def _certain(self) -> re.Pattern[str]:
        written = {form for name in self.names if name.strip() for form in (name, name.upper())}
        longest_first = sorted(written, key=lambda name: (-len(name), name))
        names = "|".join(r"\s+".join(map(re.escape, name.split())) for name in longest_first) or r"(?!)"
        return re.compile(rf"(?P<EMAIL>{_EMAIL})|(?P<PHONE>{_PHONE})|(?<!\w)(?P<PERSON>{names})(?!\w)")

    def masked(self, messages: Sequence[Message]) -> tuple[list[Message], dict[str, str]]:
        """A chat without what is certainly personal, and by placeholder what stood there.

        Args:
            messages: the chat.
        """
        taken = {mark for message in messages for mark in _PLACEHOLDER.findall(message["content"])}
        placeholders: dict[str, str] = {}

        def replaced(match: re.Match[str]) -> str:
            kind, text = str(match.lastgroup), " ".join(match[0].split())
            self.report[_KINDS[kind]] += 1
            if text not in placeholders:
                placeholders[text] = next(mark for n in count(1) if (mark := f"{kind}-{n}") not in taken)
                taken.add(placeholders[text])
            return placeholders[text]

        chat = [message | {"content": self._certain.sub(replaced, message["content"])} for message in messages]
        for kind, pattern in _UNCERTAIN.items():
            left = sum(len(pattern.findall(message["content"])) for message in chat)
            self.report.update({f"{kind}, left": left})
        return chat, {mark: text for text, mark in placeholders.items()}


def restored(reply: str, originals: Mapping[str, str]) -> str:
    """A reply with what stood in the place of the placeholders.

    Args:
        reply: of the model.
        originals: by placeholder, as `PersonalData.masked` gives them.
    """
    return _PLACEHOLDER.sub(lambda mark: originals.get(mark[0], mark[0]), reply)


@dataclass
class LlamaIndexGenerator:
    """A LlamaIndex LLM with the interface of `Generator`, asked one prompt at a time.

    Attributes:
        llm: any LlamaIndex LLM.
        max_length: window, in tokens of LlamaIndex's default tokenizer.
        max_new_tokens: longest answer, in such tokens.
        personal_data: what of it the LLM does not get to read; None hides nothing.
    """

    llm: LLM
    max_length: int = 4096
    max_new_tokens: int = 256
    personal_data: PersonalData | None = None

    @property
    def name(self) -> str:
        """What the LLM calls itself."""
        return str(self.llm.metadata.model_name)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Length of a prompt, in tokens of LlamaIndex's default tokenizer."""
        from llama_index.core.utils import get_tokenizer

        return sum(len(get_tokenizer()(m["content"])) for m in messages)

    def count_reply_tokens(self, messages: Sequence[Message], reply: str) -> int:
        """Length of a reply, in such tokens."""
        return self.count_tokens([{"role": "assistant", "content": reply}])

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
        """Answer many prompts; the LLM's own settings decide how. Control tokens of common templates stay text.

        Raises:
            ValueError: a single chat was given instead of a list.
        """
        check_chats(prompts)
        from llama_index.core.base.llms.types import ChatMessage
        from tqdm.auto import tqdm

        replies = []
        for prompt in tqdm(prompts, desc="answering", unit="question", disable=not progress):
            chat, originals = self.personal_data.masked(prompt) if self.personal_data else (prompt, {})
            said = [ChatMessage(role=m["role"], content=without_control_tokens(m["content"])) for m in chat]
            replies.append(restored(self._ask(said), originals))
        return replies

    def _ask(self, chat: Sequence[ChatMessage]) -> str:
        return str(self.llm.chat(chat).message.content or "").strip()

    def log_likelihood(
        self, prompts: Sequence[Sequence[Message]], replies: Sequence[str], batch_size: int | None = None
    ) -> np.ndarray:
        """A LlamaIndex LLM gives no likelihoods.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("A LlamaIndex LLM does not tell likelihoods: rerank with a cross-encoder instead.")


def from_llama_index(llm: LLM) -> Generator:
    """Any LlamaIndex LLM as a generator of this package."""
    window = int(llm.metadata.context_window or 4096)
    return cast(Generator, LlamaIndexGenerator(llm, max_length=window, max_new_tokens=min(256, window // 4)))


class _LlamaIndexModel:
    """A LlamaIndex embedding with the methods of a sentence-transformers model that `Embedder` calls."""

    def __init__(self, embedding: BaseEmbedding) -> None:
        self._embedding = embedding

    def get_embedding_dimension(self) -> int:
        return len(self._embedding.get_text_embedding("dimension"))

    def encode_document(self, texts: list[str], **_: Any) -> np.ndarray:
        return self._unit(self._embedding.get_text_embedding_batch(texts))

    def encode_query(self, texts: list[str], **_: Any) -> np.ndarray:
        return self._unit([self._embedding.get_query_embedding(text) for text in texts])

    @staticmethod
    def _unit(vectors: list[list[float]]) -> np.ndarray:
        rows = np.asarray(vectors, dtype=np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def embedder_from_llama_index(embedding: BaseEmbedding) -> Embedder:
    """Any LlamaIndex embedding as an embedder of this package; its vectors are kept in memory alone."""
    network, asks = _LlamaIndexModel(embedding), {"query": "the embedding's own"}
    return Embedder(lambda: network, str(embedding.model_name), cached=False, prompts=asks)


# Seconds that a reply may take, and how often a server that is busy or out of reach is asked again.
PATIENCE, TRIES = 120.0, 5
KEY = "OPENAI_API_KEY"
MAX_NEW_TOKENS = 256


class AddressedGenerator(LlamaIndexGenerator):
    """A LlamaIndex LLM behind an address.

    Its `generate` raises RuntimeError, in one sentence, where the server cannot be reached, takes too long, refuses, or
    sends something else than a reply.
    """

    def _ask(self, chat: Sequence[ChatMessage]) -> str:
        import openai

        llm: Any = self.llm
        try:
            return super()._ask(chat)
        except (openai.OpenAIError, AttributeError, TypeError, LookupError, ValueError) as cause:
            why = {
                openai.APITimeoutError: f"did not answer within {llm.timeout:.0f} seconds: is it overloaded?",
                openai.APIConnectionError: "cannot be reached: is the server running, and the address right?",
                openai.AuthenticationError: f"wants another key: put yours into the environment as {KEY}.",
                openai.PermissionDeniedError: f"does not let this key in: put another into the environment as {KEY}.",
                openai.NotFoundError: "does not know this model or address: the address ends in /v1#MODEL.",
                openai.RateLimitError: "takes no more requests for now: wait, and start again.",
                openai.OpenAIError: f"failed ({cause}).",
                Exception: f"sent something that is no reply: is it OpenAI-compatible? ({cause!r})",
            }
            said = next(text for kind, text in why.items() if isinstance(cause, kind))
            raise RuntimeError(f"{self.name} at {llm.api_base} {said}") from cause


def is_address(model: str) -> bool:
    """Whether a model is named by an address, as `load_address` takes it."""
    return model.startswith(("http://", "https://"))


def load_address(address: str) -> Generator:
    """The model behind an address, through LlamaIndex's own class for such servers; it is not asked yet.

    Args:
        address: of the server, `#`, and the model's name there, such as `http://127.0.0.1:11434/v1#llama3.2`. The key,
            where the server wants one, is read from the environment (`OPENAI_API_KEY`).

    Raises:
        ValueError: the address names no model, or LlamaIndex's class is not installed.
    """
    url, _, name = address.partition("#")
    if not name:
        raise ValueError(f"{address!r} names no model: write the address, # and the model's name there.")
    try:
        from llama_index.llms.openai_like import OpenAILike
    except ImportError as cause:
        raise ValueError("Models behind an address need a package more: pip install 'labkit[llm]'.") from cause
    llm = OpenAILike(
        model=name, api_base=url, api_key=os.environ.get(KEY) or "none", is_chat_model=True, temperature=0.0,
        max_tokens=MAX_NEW_TOKENS, context_window=profiles.get().max_length, timeout=PATIENCE, max_retries=TRIES,
    )  # fmt: skip
    return cast(Generator, AddressedGenerator(llm, profiles.get().max_length, MAX_NEW_TOKENS))
