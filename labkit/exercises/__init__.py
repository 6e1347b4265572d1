"""Exercises: `check` judges an answer; each judge takes one and returns a hint, or None when it is right."""

# A lesson's judges register themselves. Where each of the names is defined is where it is documented.
# fmt: off
from labkit.exercises import lesson_00, lesson_01, lesson_02, lesson_03, lesson_04, lesson_05, lesson_06, lesson_07
from labkit.exercises import lesson_08, lesson_09, lesson_10, lesson_11, lesson_14, lesson_a1
from labkit.exercises.checking import check, exercise, EXERCISES, passed, register_choices
from labkit.exercises.dev_archive import FIRST_CONTRACT

register_choices()
