"""Feedback: what people and models say of answers, and what a model can learn from it."""

# The names that the room offers; where each is defined is where it is documented.
from labkit.feedback.pairs import dataset, preferences, rated
from labkit.feedback.raters import agreement, Agreement, Bias, biases, simulated_judgements, without_biased
from labkit.feedback.raters import both_orders, Judge, judgements_by, orders, Orders, settled
from labkit.feedback.store import Comparison, Judgement, Store, Verdict
