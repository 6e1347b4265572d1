"""Measuring: systems side by side on the same questions, and the benchmark on the test split."""

# The names that the room offers; where each is defined is where it is documented.
# fmt: off
from labkit.bench.arms import ARMS, Arm, TASKS
from labkit.bench.compare import by_task, called_by_chance, leaders, load_runs, plot_tasks, regressions, SCORES
from labkit.bench.graph_scores import linking_scores, triple_scores
from labkit.bench.grid import choose, course_grid, Grid, measure_times, repeated, run_grid, shipped_grid
from labkit.bench.rounds import RoundFact, Rounds, shipped_rounds
from labkit.bench.runs import (
    always_refuses, averaged, details, DETAILS, differences, error_table, mean, mean_by, measure, METRICS, only,
    results_table, Run, sample, timings, versus, where,
)
from labkit.bench.security import (
    attack_table, attacked_replies, AttackedReply, defence_table, NO_ATTACK, NO_DEFENCE, shipped_attacks,
)
from labkit.bench.shipped import everyday_questions, shipped_questions, shipped_triples, shipped_tuning, TunedModel
from labkit.bench.systems import (
    best, build_systems, dense_index, dev_questions, hybrid, naive, Systems, tuned_index,
)
from labkit.rag import BUDGET, K
from labkit.stats import sample_size, SampleSize
