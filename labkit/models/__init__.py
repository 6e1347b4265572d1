"""Models: everything that is loaded and run. Generator, embedder, reranker, adapters, the classifier of intents.

Floor 1. All load what labkit carries, any Hugging Face id, or a local folder. Everything that changes from release to
release of transformers, sentence-transformers, PEFT and bitsandbytes is called here and nowhere else, training aside.
"""

from labkit.models.adapters import load_tuned, load_tuned_embedder, load_tuned_reranker
from labkit.models.device import device, native_bf16
from labkit.models.embedder import VECTORS, Embedder, load_embedder, minilm_path
from labkit.models.generator import (
    DTYPES,
    QUANTIZATIONS,
    Generator,
    Grammar,
    load_generator,
)
from labkit.models.intents import Intent, Intents, load_intents
from labkit.models.llama_index import LlamaIndexGenerator, embedder_from_llama_index, from_llama_index
from labkit.models.reranker import Reranker, load_reranker
from labkit.models.store import Store, digest

__all__ = [
    "DTYPES",
    "QUANTIZATIONS",
    "VECTORS",
    "Embedder",
    "Generator",
    "Grammar",
    "Intent",
    "Intents",
    "LlamaIndexGenerator",
    "Reranker",
    "Store",
    "device",
    "digest",
    "embedder_from_llama_index",
    "from_llama_index",
    "load_embedder",
    "load_generator",
    "load_intents",
    "load_reranker",
    "load_tuned",
    "load_tuned_embedder",
    "load_tuned_reranker",
    "minilm_path",
    "native_bf16",
]
