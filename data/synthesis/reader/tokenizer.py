"""The reader's tokenizer: byte-level BPE, digits apart, line breaks apart, a short chat template.

A reply starts with a space in the template, so that a word copied from the middle of a passage
keeps its tokens.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from labkit import prompts
from synthesis.reader import examples, lexicon, worlds

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SIZE = 6144
PAD, SYSTEM, USER, ASSISTANT, END = "<pad>", "<system>", "<user>", "<assistant>", "<end>"
MAX_TOKENS = 1536
# Words with the space before them; single digits; single line breaks; runs of other signs.
_PIECES = r" ?\p{L}+| ?\p{N}|\n| ?[^\s\p{L}\p{N}]+|[^\S\n]+"

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{{ '<assistant>' }}{% generation %}{{ ' ' + message['content'] + '<end>' }}{% endgeneration %}"
    "{% else %}{{ '<' + message['role'] + '>' + message['content'] }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)


def sample_texts(groups: int = 4000, seed: int = 7) -> Iterator[str]:
    """Text to learn the vocabulary from: the bank, and generated contexts with their questions."""
    words = lexicon.load_lexicon()
    for text in [*worlds.load_bank().texts(), *(words.texts() if words else [])] * 2:
        yield text.replace("{", " ").replace("}", " ").replace("_", " ")
    rng = random.Random(seed)
    for index in range(groups):
        made = examples.group(seed, index, examples.LEVELS[rng.choice((0, 0, 1))])
        for passage in made.passages:
            yield f"{passage.title}\n{passage.text}"
        for question, reply in made.turns[:4]:
            yield f"Question: {question}"
            yield f" {reply}"
    for _ in range(20):
        yield prompts.ANSWER


def train_tokenizer(groups: int = 4000, size: int = SIZE) -> PreTrainedTokenizerFast:
    """Learn the vocabulary and wrap it as a transformers fast tokenizer with the chat template."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD, SYSTEM, USER, ASSISTANT, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(sample_texts(groups), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token=PAD,
        bos_token=SYSTEM,
        eos_token=END,
        additional_special_tokens=[USER, ASSISTANT],
        chat_template=CHAT_TEMPLATE,
        model_max_length=MAX_TOKENS,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer saved in `folder`.

    Raises:
        FileNotFoundError: there is none.
    """
    from transformers import PreTrainedTokenizerFast

    if not (folder / "tokenizer.json").exists():
        raise FileNotFoundError(f"No tokenizer in {folder}: train the reader first (python -m labkit reader train).")
    return PreTrainedTokenizerFast.from_pretrained(folder)
