"""A GGUF export against its model: `python tests/benchmarks/exports.py` prints how many of their replies are equal.

The fine-tuned reader answers dev questions with their passages, once as it is and once read back from the file. Where
llama-cpp-python is installed (`pip install --no-binary llama-cpp-python llama-cpp-python` builds it, with a C++
compiler), llama.cpp reads the same file, and its tokens and greedy replies are compared too.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from labkit import corpus, models, paths, rag
from labkit.models import shipped_replies


def questions(count: int) -> list[rag.TaskPrompt]:
    """Dev lookups with their passages, spread over the split."""
    documents, records = corpus.load_documents("dev"), corpus.contract_records()
    asked = [q for q in corpus.load_questions("dev", "lookup") if q.followup is None]
    return [rag.task_prompt(q, documents, records) for q in asked[:: max(1, len(asked) // count)][:count]]


def replies(generator: models.Generator, asked: Sequence[rag.TaskPrompt]) -> list[str]:
    """Greedy replies, none of them out of a store, one prompt at a time, so that none depends on its batch."""
    with shipped_replies.live():
        return generator.generate([p.messages for p in asked], batch_size=1)


def compare_llama_cpp(generator: models.Generator, file: Path, asked: Sequence[rag.TaskPrompt]) -> dict[str, int]:
    """Of how many prompts llama.cpp makes the same tokens, and to how many it writes the same reply."""
    from llama_cpp import Llama

    llm = Llama(str(file), n_ctx=generator.max_length, verbose=False)
    texts = [generator.text(p.messages) for p in asked]
    ours = [generator.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    theirs = [llm.tokenize(text.encode(), add_bos=False, special=True) for text in texts]
    new = generator.max_new_tokens
    said = [llm.create_completion(ids, max_tokens=new, temperature=0)["choices"][0]["text"].strip() for ids in ours]
    return {
        "prompts with the same tokens": sum(a == b for a, b in zip(ours, theirs, strict=True)),
        "same replies": sum(a == b for a, b in zip(said, replies(generator, asked), strict=True)),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--llama-cpp", type=int, default=20, help="of them for llama.cpp")
    options = parser.parse_args()
    tuned, asked = models.load_tuned(paths.adapter("sft")), questions(options.questions)
    with TemporaryDirectory() as folder:
        file = models.export_gguf(tuned, Path(folder)) / "model.gguf"
        if find_spec("llama_cpp") and options.llama_cpp:
            print(options.llama_cpp, compare_llama_cpp(tuned, file, asked[: options.llama_cpp]), flush=True)
        if options.questions > options.llama_cpp:
            back = models.load_generator(str(file))
            same = sum(a == b for a, b in zip(replies(tuned, asked), replies(back, asked), strict=True))
            print(f"{same} of {len(asked)} replies read back from GGUF are the same as the merged model's")
