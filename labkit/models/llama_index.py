"""Any LlamaIndex LLM or embedding in the place of a generator or an embedder of this package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from labkit.models.chat_template import without_control_tokens
from labkit.models.embedder import Embedder
from labkit.models.generator import Generator, check_chats
from labkit.models.personal_data import PersonalData, restored
from labkit.prompts import Message

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.llms import LLM, ChatMessage


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
