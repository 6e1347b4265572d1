"""A language model behind an OpenAI-compatible address: Ollama, vLLM, llama.cpp's server, or a hosted one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from labkit import profiles
from labkit.models.generator import Generator
from labkit.models.llama_index import LlamaIndexGenerator

if TYPE_CHECKING:
    from llama_index.core.llms import ChatMessage

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

        why = {
            openai.APITimeoutError: f"did not answer within {self.llm.timeout:.0f} seconds: is it overloaded?",  # type: ignore[attr-defined]
            openai.APIConnectionError: "cannot be reached: is the server running, and the address right?",
            openai.AuthenticationError: f"wants another key: put yours into the environment as {KEY}.",
            openai.PermissionDeniedError: f"does not let this key in: put another into the environment as {KEY}.",
            openai.NotFoundError: "does not know this model or address: the address ends in /v1#MODEL.",
            openai.RateLimitError: "takes no more requests for now: wait, and start again.",
        }  # fmt: skip
        try:
            return super()._ask(chat)
        except openai.OpenAIError as cause:
            said = next((text for kind, text in why.items() if isinstance(cause, kind)), f"failed ({cause}).")
            error: Exception = cause
        except (AttributeError, TypeError, LookupError, ValueError) as cause:
            said = f"sent something that is no reply: is it OpenAI-compatible? ({type(cause).__name__}: {cause})"
            error = cause
        raise RuntimeError(f"{self.name} at {self.llm.api_base} {said}") from error  # type: ignore[attr-defined]


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
