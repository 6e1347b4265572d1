"""Training the generator; `labkit.models` loads what was trained."""

# The names that the room offers; where each is defined is where it is documented.
# fmt: off
from labkit.tune.examples import count_tokens, Pair, pairs, replay
from labkit.tune.generator import Chat, train_generator
from labkit.tune.preferences import train_dpo, train_kto
from labkit.tune.training import read_record, registry, TrainingRecord
