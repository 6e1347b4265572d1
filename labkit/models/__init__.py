"""Models: everything that is loaded and run. Generator, embedder, reranker, adapters, the classifier of intents.

All load what labkit carries, any Hugging Face id, or a local folder. Everything that changes from release to
release of transformers, sentence-transformers, PEFT and bitsandbytes is called here and nowhere else, training aside.
"""

# The names that the room offers; where each is defined is where it is documented.
# fmt: off
from labkit.models.base import base_model
from labkit.models.device import device, native_bf16
from labkit.models.encoders import Embedder, load_embedder, minilm_path, Reranker, VECTORS
from labkit.models.encoders import load_tuned_embedder, load_tuned_reranker
from labkit.models.export import export_gguf, export_safetensors
from labkit.models.generator import Generator
from labkit.models.intents import Intent, Intents, load_intents
from labkit.models.llama_index import embedder_from_llama_index, from_llama_index, is_address, PersonalData
from labkit.models.loading import hub_commit, load_generator, load_tuned
from labkit.models.memory import estimate_memory, MemoryEstimate
from labkit.models.store import digest, Store
