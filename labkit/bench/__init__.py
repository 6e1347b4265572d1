"""Measuring: results_table side by side on the same questions, and the benchmark on the test split.

Floor 3. `runs` compares pipelines; `arms` builds those that the test split judges.
"""

# The names that the room offers; where each is defined is where it is documented.
# fmt: off
from labkit.bench.graph_scores import linking_scores, shipped_triples, triple_scores, write_triples
from labkit.bench.runs import (
    BUDGET, differences, error_table, K, mean, mean_by, measure, METRICS, only, results_table, Run, sample, timings,
    versus, where,
)
from labkit.bench.systems import (
    benchmark, best, build_systems, naive, shipped_benchmark, shipped_questions, shipped_replies, Systems,
    write_benchmark, write_questions,
)
