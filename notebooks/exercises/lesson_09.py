"""The exercises of lesson 09. What is expected is computed from the raters' judgements and torch."""

from __future__ import annotations

from functools import cache
from typing import Any

from labkit import corpus, feedback
from labkit.exercises import exercise
from labkit.metrics import normalise

from .judging import Numbers, choice, number


@exercise("09.1")
def weight_of_a_settled_pair(answer: Any) -> str | None:
    import torch

    margin = torch.tensor([0.0, 50.0], requires_grad=True)
    (-torch.nn.functional.logsigmoid(0.1 * margin)).sum().backward()
    new, settled = (-margin.grad).tolist()  # type: ignore[operator]
    hint = "The slope of -log sigmoid(x) is sigmoid(x) - 1. What is it at 0, and where x is large?"
    return choice(answer, "abcd"[sum(settled < new * part for part in (1.5, 0.5, 0.1))], dict.fromkeys("abcd", hint))


@cache
def _right(rater: str, other: str) -> tuple[float, int]:
    """Share of right verdicts among those of a rater with which another one agrees, and how many these are."""
    accepted = {q.id: q.accepted() for q in corpus.load_questions("train")}
    shown, judged = feedback.simulated_judgements()
    said = {(j.rater.removeprefix("simulated "), j.comparison): j.verdict for j in judged}
    right = []
    for c in shown:
        key = [normalise(a) for a in accepted[c.id.split("/")[0]]]
        first, second = (any(f" {a} " in f" {normalise(answer)} " for a in key) for answer in c.answers)
        if first != second and said[rater, c.id] == said[other, c.id]:
            right.append(said[rater, c.id] == ("first" if first else "second"))
    return sum(right) / len(right), len(right)


@number("09.2", "Take the comparisons in good on which the two say the same in said: in which share of them is it what "
                "good says?", 0.002)  # fmt: skip
def agreeing_raters() -> Numbers:
    share, count = _right("careful", "length_loving")
    yield share, None
    whole, of = _right("careful", "careful")
    yield whole, "That is the share of all verdicts of the careful one. Which are left when the other has to agree?"
    yield count / of, "That is how many verdicts are left. How many of those are right?"
    yield _right("length_loving", "length_loving")[0], "That is the one who loves length, on all comparisons."


@exercise("09.3", function=True)
def loss_of_doubtful_judgements(answer: Any) -> str | None:
    import torch
    from torch.nn.functional import logsigmoid

    margin = torch.tensor([-30.0, -2.0, 0.0, 5.0, 40.0], requires_grad=True)
    for beta, wrong in ((0.1, 0.0), (0.5, 0.0), (0.1, 0.1), (0.3, 0.25)):
        loss = answer(margin, beta, wrong)
        if not torch.is_tensor(loss) or loss.shape != margin.shape:
            return "Give a tensor with a loss for each margin."
        right, flipped = (-logsigmoid(sign * beta * margin) for sign in (1, -1))
        mixed = -((1 - wrong) * (-right).exp() + wrong * (-flipped).exp()).log()
        hints = (
            ((1 - wrong) * right + wrong * flipped, None),
            (-(1 - wrong) * right - wrong * flipped, "The sign is turned: a loss is low where the margin is large."),
            ((1 - wrong) * right, "That is the part of the right judgements. What do the wrong ones add?"),
            (wrong * right + (1 - wrong) * flipped, "The two shares are exchanged."),
            (mixed, "The probabilities are mixed before the logarithm: mix the two losses."),
        )
        other = (
            f"With beta={beta} and wrong={wrong} it should be the mean of two losses, weighted by how often each holds."
        )
        hint = next((h for wanted, h in hints if loss.allclose(wanted, atol=1e-4)), other)
        if hint:
            return hint
    far = torch.tensor([-2000.0, 2000.0], requires_grad=True)
    loss = answer(far, 0.1, 0.1)
    if not loss.requires_grad:
        return "Nothing can be learned from it: keep to torch's functions, without .item() or detach()."
    return (
        None if loss.isfinite().all() else "For a large margin it is not finite: torch has log-sigmoid as one function."
    )
