"""Measuring: systems side by side on the same questions, and the benchmark on the test split."""

# The names that the room offers; where each is defined is where it is documented.
# fmt: off
from labkit.bench.arms import ARMS, best, build_systems, dense_index, dev_questions, hybrid, naive, TASKS, tuned_index
from labkit.bench.compare import by_task, leaders, load_runs, regressions, SCORES
from labkit.bench.grid import course_grid, Grid, measure_times, repeated, run_grid, shipped_grid
from labkit.bench.runs import (
    always_refuses, averaged, DETAILS, differences, error_table, mean, mean_by, measure, METRICS, only,
    results_table, Run, sample, timings, versus, where,
)
from labkit.bench.shipped import (
    attacked_replies, everyday_questions, NO_ATTACK, shipped_attacks, shipped_questions, shipped_rounds,
    shipped_triples, shipped_tuning,
)
from labkit.rag import BUDGET, K
from labkit.stats import sample_size, SampleSize
