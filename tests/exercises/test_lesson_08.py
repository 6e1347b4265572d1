"""The exercises of lesson 08: right answers are accepted, typical wrong ones get the hint that fits them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from labkit.exercises import EXERCISES, lesson_08


def test_only_one_matrix_gets_a_gradient_at_first():
    import torch

    judge = EXERCISES["08.1"]
    assert judge("c") is None and judge(" C) ") is None
    assert len({judge(letter) for letter in "abde"}) == 4
    a, b = torch.randn(2, 4, requires_grad=True), torch.zeros(3, 2, requires_grad=True)
    (torch.randn(5, 4) @ a.T @ b.T - 1).square().sum().backward()
    assert not a.grad.any() and b.grad.any()


def test_the_size_of_an_adapter():
    judge, at_8 = EXERCISES["08.2"], lesson_08._weights_at_rank_8()
    assert at_8 == 30 * 8 * (2 * (576 + 576) + 2 * (576 + 192) + 3 * (576 + 1536))
    assert judge(4 * at_8) is None
    assert "rank 8" in judge(at_8)
    assert "added" in judge(16 * at_8)
    assert "number of weights" in judge(9.8)


def switchable(
    scaled: Callable[[float, int], float] = lambda alpha, rank: alpha / rank,
    frozen_learns: bool = False,
    kept: bool = True,
    at_once: bool = False,
    after_add: bool = False,
    back: bool = True,
) -> Any:
    """A class as the exercise wants it, or with one fault."""
    import torch

    class Switchable(torch.nn.Module):
        def __init__(self, frozen: Any) -> None:
            super().__init__()
            self.frozen = frozen.requires_grad_(frozen_learns)
            self.pairs: Any = torch.nn.ParameterDict() if kept else {}
            self.scales: dict[str, float] = {}
            self.name: str | None = None

        def add(self, name: str, a: Any, b: Any, alpha: float) -> None:
            self.pairs[f"A {name}"], self.pairs[f"B {name}"] = a, b
            self.scales[name] = scaled(alpha, a.shape[0])
            self.name = name if after_add else self.name

        def use(self, name: str | None) -> None:
            self.name = name if back or name else self.name

        def forward(self, x: Any) -> Any:
            y = self.frozen(x)
            for name in self.scales if at_once and self.name else [self.name]:
                if name:
                    y = y + self.scales[name] * x @ self.pairs[f"A {name}"].T @ self.pairs[f"B {name}"].T
            return y

    return Switchable


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"scaled": lambda alpha, rank: 1.0}, "not scaled"),
    ({"scaled": lambda alpha, rank: alpha}, "divided by"),
    ({"scaled": lambda alpha, rank: rank / alpha}, "output is wrong"),
    ({"scaled": lambda alpha, rank: 0.0}, "nothing changes"),
    ({"frozen_learns": True}, "none of the frozen"),
    ({"kept": False}, "four matrices that learn"),
    ({"at_once": True}, "at once"),
    ({"after_add": True}, "Without `use`"),
    ({"back": False}, "use(None)"),
]


def test_a_layer_with_several_adapters_is_accepted():
    assert EXERCISES["08.3"](switchable()) is None


@pytest.mark.parametrize("fault, hint", WRONG)
def test_a_layer_with_a_fault_gets_its_hint(fault: dict[str, Any], hint: str):
    assert hint in EXERCISES["08.3"](switchable(**fault))


def test_a_layer_that_changes_the_frozen_weights_is_found():
    base = switchable()

    class Merging(base):
        def use(self, name: str | None) -> None:
            super().use(name)
            self.frozen.weight.data[0, 0] += 1e-7

    assert "frozen weights have changed" in EXERCISES["08.3"](Merging)


def test_shapes_that_do_not_fit_get_a_hint():
    class Transposed(switchable()):
        def add(self, name: str, a: Any, b: Any, alpha: float) -> None:
            super().add(name, a.T, b.T, alpha)

    assert "shapes" in EXERCISES["08.3"](Transposed)


def test_facts_in_other_words_tell_most():
    judge = EXERCISES["08.4"]
    assert judge("D.") is None
    assert len({judge(letter) for letter in "abce"}) == 4


@pytest.mark.parametrize("number, answers, right", [("08.1", "abd?", " c "), ("08.4", "abc?", "other words")])
def test_no_hint_gives_the_answer(number: str, answers: Sequence[str], right: str):
    assert right not in " ".join(str(EXERCISES[number](answer)) for answer in answers)
