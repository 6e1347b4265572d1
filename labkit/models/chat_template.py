"""Chats as a model's own template writes them: without a system role, thinking, or control tokens inside a message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from labkit.prompts import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


# Marks that templates write around messages.
_MARK = r"<{1,2}[^\s<>]+>{1,2}|\[[^\s\[\]]+\]"
# Control tokens of the templates in common use, for a model whose own are not known.
_COMMON = re.compile(
    r"<[|\uff5c][^\s<>]+[|\uff5c]>|</?s>|<</?SYS>>|\[/?[A-Z]+_?(?:INST|PROMPT|TOOLS|RESULTS|CALLS)\]|\[/?INST\]"
    r"|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>",
    re.IGNORECASE,
)


def prompt_text(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> str:
    """Messages ready for the model's answer.

    Where the template has no system role, the system message goes in front of the question. Control tokens of the
    template inside a message are broken by a space, so that they stay text.
    """
    return _render(tokenizer, _adapted(tokenizer, messages), True)


def reply_text(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], reply: str) -> str:
    """A reply with its end, as the template writes it behind the prompt."""
    prompt, end = prompt_text(tokenizer, messages), tokenizer.eos_token or ""
    chat = _adapted(tokenizer, [*messages, {"role": "assistant", "content": reply}])
    whole, plain = _render(tokenizer, chat, False), chat[-1]["content"].strip()
    written = whole.removeprefix(prompt).rstrip()
    if not whole.startswith(prompt) or plain not in written:
        return f"{plain}{end}"
    return f"{written}{end}" if written.endswith(plain) else written


def without_control_tokens(text: str, control: re.Pattern[str] = _COMMON) -> str:
    """A text with its control tokens broken by a space, so that they stay text.

    Args:
        text: of a message.
        control: the tokens; by default those of the templates in common use.
    """
    return control.sub(lambda token: f"{token[0][0]} {token[0][1:]}", text)


def _adapted(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[Message]:
    key = tokenizer, str(tokenizer.chat_template)
    control = _control_tokens(*key)
    chat = [m | {"content": without_control_tokens(m["content"], control)} for m in messages]
    if chat and chat[0]["role"] == "system" and not _has_system_role(*key):
        texts = [m["content"] for m in chat[:2] if m["role"] in ("system", "user")]
        chat = [{"role": "user", "content": "\n\n".join(texts)}, *chat[len(texts) :]]
    return chat


def _render(tokenizer: PreTrainedTokenizerBase, chat: Sequence[Message], ready: bool) -> str:
    """A chat as the template writes it, with thinking off where the template has a switch for it."""
    switches = {"enable_thinking": False, "thinking": False}
    return str(
        tokenizer.apply_chat_template(list(chat), tokenize=False, add_generation_prompt=ready, **cast(Any, switches))
    )


@lru_cache(maxsize=8)
def _has_system_role(tokenizer: PreTrainedTokenizerBase, template: str) -> bool:
    """Some templates (Gemma's) refuse a system message, others drop it without a word."""
    chats = [[{"role": "system", "content": s}, {"role": "user", "content": "u"}] for s in ("one", "two")]
    try:
        return _render(tokenizer, chats[0], True) != _render(tokenizer, chats[1], True)
    except Exception:
        return False


@lru_cache(maxsize=8)
def _control_tokens(tokenizer: PreTrainedTokenizerBase, template: str) -> re.Pattern[str]:
    """What a text must not hold, lest it be read as the end of a message or as another role: the special tokens,
    added ones in brackets (<tool_call>), and what the template writes in brackets around messages."""
    chat = [{"role": role, "content": "x"} for role in ("user", "assistant", "user")]
    marks = re.findall(_MARK, _render(tokenizer, chat, True))
    added = tokenizer.added_tokens_decoder.values()
    special = [t.content for t in added if t.special or re.fullmatch(_MARK, t.content)]
    marks += [token for token in special if len(token) > 2 and not token.isalnum()]
    longest_first = sorted(set(marks), key=lambda token: (-len(token), token))
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)", re.IGNORECASE)
