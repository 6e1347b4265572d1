"""Batched generation against a loop: `python tests/benchmarks/batching.py` prints the ratio and the agreement.

Both answer the same questions about unseen worlds with the shipped reader, side by side on this machine. How much a
batch gains depends on what a question costs: writing a reply token by token gains, reading a long prompt hardly does.
"""

from __future__ import annotations

import argparse
import time

from synthesis.reader import examples

from labkit import models

# Instruction and number of passages, from long prompts to short ones.
WORKLOADS = (("answer", 3), ("answer", 1), ("rewrite", 1), ("closed_book", 1))


def measure(instruction: str, passages: int, count: int, dtype: str, size: int) -> dict[str, float]:
    """Questions per second of the loop and of the batch, their ratio, and the share of equal replies."""
    made = examples.evaluation(count, passages, instruction=instruction)
    chats = [example.messages for example in made]
    generator = models.load_generator(dtype=dtype)
    # Nothing is kept on disk, else the batch would find the loop's replies there.
    generator.fingerprint = None
    generator.generate(chats[:2])
    start = time.perf_counter()
    one_by_one = [generator.generate([chat])[0] for chat in chats]
    middle = time.perf_counter()
    batched = generator.generate(chats, batch_size=size)
    end = time.perf_counter()
    loop, batch = len(chats) / (middle - start), len(chats) / (end - middle)
    same = sum(a == b for a, b in zip(one_by_one, batched, strict=True)) / len(chats)
    tokens = sum(generator.count_tokens(chat) for chat in chats) / len(chats)
    return {"prompt_tokens": tokens, "loop_per_s": loop, "batch_per_s": batch, "ratio": batch / loop, "same": same}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=8)
    options = parser.parse_args()
    for dtype in ("fp32", "bf16"):
        for instruction, passages in WORKLOADS:
            figures = measure(instruction, passages, options.questions, dtype, options.batch_size)
            shown = "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
            print(f"{dtype} {instruction} {passages}: {shown}", flush=True)
