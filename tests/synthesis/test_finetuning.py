"""The trainings of lesson 08: what tables call them."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from synthesis.finetuning import SOURCES, Arm

from labkit import bench, profiles

LORA = Arm()


@pytest.mark.parametrize(
    ("arm", "label"),
    [
        (LORA, "LoRA"),
        (replace(LORA, seed=2), "LoRA"),
        (Arm("none"), "reader"),
        (Arm("none", model=profiles.BASE), "SmolLM2"),
        (replace(LORA, share=1 / 32), "LoRA, 1/32 of the examples"),
        (Arm("full", rank=2, sources=SOURCES[:1]), "all weights, rank 2, no refusals, no memory, no written"),
    ],
)
def test_a_label_says_what_was_done(arm, label):
    assert arm.label == label


def test_what_comes_with_the_course_is_labelled_so():
    names = [f.name for f in fields(Arm)]
    for label, group in bench.shipped_tuning().items():
        for tuned in group:
            settings = {name: tuned.settings[name] for name in names}
            assert Arm(**settings | {"sources": tuple(settings["sources"])}).label == label
