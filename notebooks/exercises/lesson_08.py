"""The exercises of lesson 08. What is expected is computed from the course's adapter and torch."""

from __future__ import annotations

import copy
import math
from typing import Any

from labkit import paths
from labkit.exercises import exercise

from .judging import Numbers, number


def _weights_at_rank_8() -> int:
    """Weights of an adapter of the reader, on the linear layers of all blocks."""
    from safetensors import safe_open

    with safe_open(paths.adapter("sft") / "adapter_model.safetensors", "pt") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())


@number("08.2", "It is rank times (inputs + outputs), summed over the list `linear`: a number of weights.", 0.5)
def _weights_at_rank_32() -> Numbers:
    yield 4 * _weights_at_rank_8(), None
    yield _weights_at_rank_8(), "That is rank 8. Which sides of the two matrices change?"
    yield 16 * _weights_at_rank_8(), "Both matrices grow with the rank, but their sizes are added, not multiplied."


@exercise("08.3")
def several_adapters(answer: Any) -> str | None:
    try:
        return _switched(answer)
    except RuntimeError as cause:  # shapes that do not fit, or a gradient that does not arrive
        return f"torch stops: {str(cause).splitlines()[0]} Mind the shapes: A is (rank, in), B is (out, rank)."


def _switched(made: Any) -> str | None:
    """What a class of layers with several adapters does wrong, if anything."""
    import torch

    torch.manual_seed(0)
    frozen, x = torch.nn.Linear(5, 4), torch.randn(3, 5)
    before, plain = copy.deepcopy(frozen.state_dict()), frozen(x).detach()
    pairs = {"one": (torch.randn(2, 5), torch.randn(4, 2), 4.0), "two": (torch.randn(3, 5), torch.randn(4, 3), 1.5)}
    layer = made(frozen)
    for name, (a, b, alpha) in pairs.items():
        layer.add(name, torch.nn.Parameter(a.clone()), torch.nn.Parameter(b.clone()), alpha)
    if not torch.allclose(layer(x), plain, atol=1e-5):
        return "Without `use` it should give what the frozen layer gives."
    for name in ("one", "two", "one"):
        layer.use(name)
        if hint := _wrong_output(
            layer(x) - plain, {n: (x @ a.T @ b.T, s, len(a)) for n, (a, b, s) in pairs.items()}, name
        ):
            return hint
    if sum(p.requires_grad for p in layer.parameters()) != 2 * len(pairs):
        return "`parameters()` should give four matrices that learn, the adapters', and none of the frozen layer's."
    layer(x).sum().backward()
    if sum(p.grad is not None and bool(p.grad.any()) for p in layer.parameters()) != 2:
        return "A backward pass should reach the A and the B in use, and only these."
    layer.use(None)
    if not torch.allclose(layer(x), plain, atol=1e-5):
        return "After `use(None)` it should give what the frozen layer gives."
    same = all(torch.equal(before[n], value) for n, value in frozen.named_parameters())
    return None if same else "The frozen weights have changed: add to the output, not to the weights."


def _wrong_output(change: Any, products: dict[str, tuple[Any, float, int]], name: str) -> str | None:
    """A hint where the change of the output is not that of the adapter in use.

    Args:
        change: of the output.
        products: B A x of each adapter, its alpha and its rank.
        name: of the adapter in use.
    """
    product, alpha, rank = products[name]
    together = sum(p * s / r for p, s, r in products.values())
    hints = (
        (product * alpha / rank, None),
        (product, "The product of B and A is right, but it is not scaled by alpha and the rank."),
        (product * alpha, "It is scaled by alpha alone. What is alpha divided by?"),
        (together, "All adapters work at once: after `use(name)` only that one should."),
        (0 * product, f"After `use({name!r})` nothing changes."),
    )
    other = f"After `use({name!r})` the output is wrong: frozen(x) + alpha / rank * B A x is wanted."
    return next((hint for wanted, hint in hints if change.allclose(wanted, atol=1e-4)), other)
