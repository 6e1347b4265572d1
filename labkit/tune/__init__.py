"""Training: embedder, reranker, generator and the classifier of intents. What is trained is loaded by `labkit.models`.

Floor 4, beside `rag` and `feedback`: they never import one another.
"""

from labkit.tune.embedder import Triplet, train_embedder, triplets
from labkit.tune.generator import Chat, train_generator
from labkit.tune.intents import train_intents
from labkit.tune.reranker import Pair, pairs, train_reranker

__all__ = [
    "Chat",
    "Pair",
    "Triplet",
    "pairs",
    "train_embedder",
    "train_generator",
    "train_intents",
    "train_reranker",
    "triplets",
]
