"""Training on the course's data: embedder, reranker and generator.

Floor 2, beside `rag`: the two never import each other.
"""

from labkit.tune.embedder import Triplet, load_embedder, train_embedder, triplets
from labkit.tune.intents import Intent, Intents, load_intents, train_intents
from labkit.tune.reranker import Pair, load_reranker, pairs, train_reranker
from labkit.tune.sft import Chat, load_tuned, train_generator

__all__ = [
    "Chat",
    "Intent",
    "Intents",
    "Pair",
    "Triplet",
    "load_embedder",
    "load_intents",
    "load_reranker",
    "load_tuned",
    "pairs",
    "train_embedder",
    "train_generator",
    "train_intents",
    "train_reranker",
    "triplets",
]
