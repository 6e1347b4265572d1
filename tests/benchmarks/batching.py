"""Batched generation against a loop: `python tests/benchmarks/batching.py` prints the ratio and the agreement.

Both answer the same questions about unseen worlds with the shipped reader, side by side on this machine.
"""

from __future__ import annotations

import argparse
import time

from labkit import models
from labkit.making.reader import examples


def measure(count: int, dtype: str) -> dict[str, float]:
    """Questions per second of the loop and of the batch, their ratio, and the share of equal replies."""
    chats = [example.messages for example in examples.evaluation(count, passages=3)]
    generator = models.load_generator(dtype=dtype)
    generator.generate(chats[:2])
    start = time.perf_counter()
    one_by_one = [generator.generate([chat])[0] for chat in chats]
    middle = time.perf_counter()
    batched = generator.generate(chats)
    end = time.perf_counter()
    loop, batch = len(chats) / (middle - start), len(chats) / (end - middle)
    same = sum(a == b for a, b in zip(one_by_one, batched, strict=True)) / len(chats)
    return {"loop_per_s": loop, "batch_per_s": batch, "ratio": batch / loop, "same": same, "n": len(chats)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=200)
    options = parser.parse_args()
    for dtype in ("fp32", "bf16"):
        figures = measure(options.questions, dtype)
        print(dtype, "  ".join(f"{name} {value:.3f}" for name, value in figures.items()))
