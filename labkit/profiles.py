"""Profiles: which models run here, and at what size.

`embedded` is the default everywhere: it needs no key, no network and no GPU, and the
numbers in the lessons are its numbers. Another profile is chosen by one setting, `LABKIT_PROFILE`
or `profiles.get("cpu")`; any model replaces the generator or the embedder through `LABKIT_MODEL`
and `LABKIT_EMBEDDER` (a Hugging Face id, a local folder, for the generator also a GGUF file or one of `BROUGHT`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

READER = "reader"
BASE = "SmolLM2-135M-Instruct"
MINILM = "all-MiniLM-L6-v2"


@dataclass(frozen=True)
class Model:
    """A model by name, pinned.

    Attributes:
        id: Hugging Face id, local folder, or one of those that labkit brings (`BROUGHT`, `MINILM`).
        revision: commit of the hub repository, None for a local model.
        licence: licence of the weights.
        gigabytes: what loading it the first time downloads; 0 for a model that is shipped, None if not known.
    """

    id: str
    revision: str | None = None
    licence: str = "see the model's page"
    gigabytes: float | None = 0.0


@dataclass(frozen=True)
class Profile:
    """Models and sizes for one kind of machine.

    Attributes:
        name: what `LABKIT_PROFILE` names.
        generator: the model that answers.
        embedder: the model that searches.
        dtype: "fp32", "fp16", "bf16", or "auto" (bf16 where the processor has it, else fp32).
        quantization: None, "int8" or "nf4" (bitsandbytes).
        max_length: longest prompt plus answer, in tokens.
        max_new_tokens: longest answer, in tokens.
        batch_size: prompts generated together.
        lora_rank: of adapters, in the fine-tuning lessons.
        epochs: of training, in the fine-tuning lessons.
        sample: questions a lesson evaluates, None for all of them.
        tried: where somebody has run it, empty when nobody has.
        minutes: what a lesson takes, roughly, on that machine; None when nobody has measured it.
    """

    name: str
    generator: Model
    embedder: Model
    dtype: str = "auto"
    quantization: str | None = None
    max_length: int = 1280
    max_new_tokens: int = 40
    batch_size: int = 32
    lora_rank: int = 16
    epochs: int = 12
    sample: int | None = None
    tried: str = ""
    minutes: float | None = None

    def describe(self) -> str:
        """One paragraph: models, what will be downloaded, how long it takes, where it was tried."""
        sizes = (self.generator.gigabytes, self.embedder.gigabytes)
        size = sum(s or 0 for s in sizes)
        written = f"{size:.1f} GB" if size >= 1 else f"{size * 1000:.0f} MB"
        download = f"downloads about {written} the first time" if size else "downloads nothing"
        if None in sizes:
            download = "what it downloads is not known beforehand"
        quantized = f" in {self.quantization}" if self.quantization else ""
        time = f"about {self.minutes:g} minutes a lesson" if self.minutes else "time not yet measured"
        tried = f"tried on {self.tried}" if self.tried else "not yet tried on this hardware"
        return (
            f"profile {self.name}: generator {self.generator.id}{quantized} ({self.generator.licence}), "
            f"embedder {self.embedder.id} ({self.embedder.licence}); {download}; {time}; {tried}."
        )


# Generators that labkit brings; the package with the base is 93 MB.
BROUGHT = {name: Model(name, licence="Apache-2.0", gigabytes=0.093) for name in (BASE, READER)}
_MINILM = Model(MINILM, licence="Apache-2.0")
_BGE_SMALL = Model("BAAI/bge-small-en-v1.5", "5c38ec7c405ec4b44b94cc5a9bb96e735b38267a", "MIT", 0.1)
_QWEN_HALF = Model("Qwen/Qwen2.5-0.5B-Instruct", "7ae557604adf67be50417f59c2c2f167def9a775", "Apache-2.0", 1.0)
_QWEN_4B = Model("Qwen/Qwen3-4B-Instruct-2507", "cdbee75f17c01a7cc42f958dc650907174af0554", "Apache-2.0", 8.1)
_QWEN_7B = Model("Qwen/Qwen2.5-7B-Instruct", "a09a35458c702b33eeacc393d103063234e8bc28", "Apache-2.0", 15.2)

PROFILES: dict[str, Profile] = {
    p.name: p
    for p in (
        # A batch of 8 is on 2 cores half as fast again as one of 32, whose numbers leave the cache.
        Profile(
            "embedded", BROUGHT[READER], _MINILM, max_length=2048, batch_size=8, tried="2 cores, no GPU", minutes=1.5
        ),
        Profile("cpu", _QWEN_HALF, _BGE_SMALL, max_length=4096, batch_size=4, max_new_tokens=48, sample=60),
        Profile("t4", _QWEN_4B, _BGE_SMALL, "fp16", "nf4", 4096, 48, 8, sample=200, epochs=3),
        Profile("gpu24", _QWEN_7B, _BGE_SMALL, "bf16", "nf4", 8192, 48, 16, epochs=3),
        Profile("gpu80", _QWEN_7B, _BGE_SMALL, "bf16", None, 8192, 48, 64, epochs=3),
    )
}


def get(name: str | None = None) -> Profile:
    """The profile of that name; by default the one `LABKIT_PROFILE` names, else `embedded`.

    `LABKIT_MODEL` and `LABKIT_EMBEDDER` replace its generator and its embedder.

    Raises:
        ValueError: no profile has that name; the message lists those there are.
    """
    name = name or os.environ.get("LABKIT_PROFILE") or "embedded"
    if name not in PROFILES:
        raise ValueError(f"There is no profile {name!r}: choose one of {', '.join(PROFILES)}.")
    profile = PROFILES[name]
    if model := os.environ.get("LABKIT_MODEL"):
        profile = replace(profile, generator=BROUGHT.get(model, Model(model, gigabytes=None)), tried="", minutes=None)
    if embedder := os.environ.get("LABKIT_EMBEDDER"):
        profile = replace(profile, embedder=Model(embedder, gigabytes=None), tried="", minutes=None)
    return profile


def chosen(role: str, model: object = None, profile: str | Profile | None = None) -> tuple[Profile, Model]:
    """A profile, and the model that it has for a role or that is named in its place.

    Args:
        role: "generator" or "embedder".
        model: a `Model`, or what can be its id; the profile's own by default.
        profile: a profile or its name; the current one by default.
    """
    own = profile if isinstance(profile, Profile) else get(profile)
    wanted = getattr(own, role) if model is None else model
    return own, wanted if isinstance(wanted, Model) else Model(str(wanted))
