"""Each rule of style finds the fault that is planted for it, and finds none in a good notebook."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import nbformat
import pytest
import style
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

GLOSSARY = "# Glossary\n\n## chunk\n\nA piece.\n\n## top-k (depth)\n\nHow many.\n"
Plant = Callable[[nbformat.NotebookNode], Any]


def code(source: str, *outputs: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return new_code_cell(source, outputs=list(outputs))


def printed(text: str, name: str = "stdout") -> nbformat.NotebookNode:
    return new_output("stream", name=name, text=text)


def picture(**metadata: Any) -> nbformat.NotebookNode:
    return new_output("display_data", {"image/png": "aGVsbG8=", "text/plain": "<Figure>"}, metadata=metadata)


def numbered(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    for count, cell in enumerate(style.code_cells(notebook), start=1):
        cell.execution_count = count
    return notebook


def good_lesson() -> nbformat.NotebookNode:
    """A small notebook that follows every rule of a lesson."""
    notebook = new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    notebook.cells = [
        new_markdown_cell("# 01 Naive RAG\n\nTime needed: about 10 minutes."),
        code(style.BOOTSTRAP.strip()),
        new_markdown_cell("## You will learn\n\nWhat a [chunk](GLOSSARY.md#chunk) is, with a 95 % interval."),
        code("score = 1\nprint(score)\nsay(score)", printed("1\n")),
        new_markdown_cell("Is it so? `k1=0.9` is a setting, and so is a temperature of 0.7. <!-- fixed -->"),
        code("figure.show()", picture(**{"image/png": {"alt": "A bar for each system."}})),
        new_markdown_cell("So how many are there?"),
        code("labkit.course.say(f'There are {score}.')", printed("There are 1.\n")),
        new_markdown_cell("## Exercises\n\n**Exercise 01.1 (write)** How many?"),
        code('labkit.check("01.1", ...)', printed("01.1: not answered yet.\n")),
        new_markdown_cell("**Exercise 01.2 (think)** Which?"),
        code('answer = ...\nlabkit.check("01.2", answer)', printed("01.2: not answered yet.\n")),
        new_markdown_cell("**Exercise 01.3 (change)** What now?"),
        code('labkit.check("01.3", ...)', printed("01.3: not answered yet.\n")),
        new_markdown_cell("## Summary\n\nVersion 3.11 and section 1.2 are no results."),
    ]
    return numbered(notebook)


def good_solution() -> nbformat.NotebookNode:
    """The same notebook with its exercises solved."""
    notebook = good_lesson()
    for k in (1, 2, 3):
        source = f'# NBVAL_CHECK_OUTPUT\nlabkit.check("01.{k}", {k})'
        style.exercises(notebook)[f"01.{k}"].update(source=source, outputs=[printed(f"01.{k}: right.\n")])
    return notebook


def test_the_good_notebooks_follow_every_rule():
    lesson, solution = good_lesson(), good_solution()
    nbformat.validate(lesson)
    assert {r.__name__: r(lesson) for r in style.LESSON_RULES if r(lesson)} == {}
    assert {r.__name__: r(solution) for r in style.SOLUTION_RULES if r(solution)} == {}
    assert style.glossary_links_lead_somewhere(lesson, GLOSSARY) == []


def add(*cells: nbformat.NotebookNode) -> Plant:
    return lambda notebook: notebook.cells.extend(cells)


def prose(text: str) -> Plant:
    return add(new_markdown_cell(text))


def replace(old: str, new: str) -> Plant:
    def plant(notebook: nbformat.NotebookNode) -> None:
        assert any(old in c.source for c in notebook.cells)
        for cell in notebook.cells:
            cell.source = cell.source.replace(old, new)

    return plant


def out(index: int, *outputs: nbformat.NotebookNode) -> Plant:
    return lambda notebook: style.code_cells(notebook)[index].update(outputs=list(outputs))


def error() -> nbformat.NotebookNode:
    return new_output("error", ename="ValueError", evalue="no", traceback=[])


LONG = "\n".join(f"a{i} = {i}" for i in range(16))
SEVEN = "\n".join(f"a{i} = {i}" for i in range(7))

# Rule, what is planted, words of the complaint.
FAULTS: list[tuple[style.Rule, Plant, str]] = [
    (style.cells_are_short, add(code(LONG)), "16 lines"),
    (style.half_of_the_cells_are_very_short, add(*[code(SEVEN)] * 8), "only 7 of 15"),
    (style.starts_with_the_bootstrap_cell, replace("tail -1", "head -1"), "not the bootstrap cell"),
    (style.starts_with_the_bootstrap_cell, lambda n: n.cells.insert(1, code("x = 1")), "not the bootstrap cell"),
    (style.starts_with_the_bootstrap_cell, out(0, printed("installed")), "left an output"),
    (style.has_a_kernel, lambda n: n.metadata.pop("kernelspec"), "None"),
    (style.has_a_kernel, lambda n: n.metadata.kernelspec.update(name="labkit"), "'labkit'"),
    (style.was_run_in_order, lambda n: style.code_cells(n)[1].update(execution_count=7), "7"),
    (style.was_run_in_order, lambda n: style.code_cells(n)[-1].update(execution_count=None), "None"),
    (style.outputs_are_saved, out(1), "no output is saved"),
    (style.outputs_are_saved, out(5), "no output is saved"),
    (style.outputs_are_saved, add(code("table = 1\ntable")), "no output is saved"),
    (style.has_no_errors, out(1, error()), "ValueError: no"),
    (style.has_no_stderr, out(1, printed("10%|#   |", name="stderr")), "10%"),
    (style.has_no_widget_state, lambda n: n.metadata.update(widgets={"state": {}}), "widget state"),
    (style.pictures_are_described, out(2, picture()), "no alt text"),
    (style.pictures_are_described, out(2, picture(**{"image/png": {"alt": " "}})), "no alt text"),
    (style.pictures_are_described, out(2, picture(**{"image/png": {"width": 3}})), "no alt text"),
    (style.outputs_name_no_folders, out(1, printed("saved in /" + "home/ada/labkit")), "home"),
    (style.outputs_name_no_folders, out(1, printed("PosixPath('/" + "tmp/x')")), "tmp"),
    (style.outputs_name_no_folders, out(1, printed("C:\\" + "Users\\ada")), "Users"),
    (style.outputs_name_no_folders, out(1, printed(f"{style.ROOT}/build")), "path of the machine"),
    (style.has_more_prose_than_code, add(code("x = 1"), code("x = 2")), "8 prose cells for 9"),
    (style.has_a_numbered_title, replace("# 01 Naive RAG", "# Naive RAG"), "# NN Title"),
    (style.has_a_numbered_title, lambda n: n.cells.pop(0), "# NN Title"),
    (style.has_the_headings, replace("## You will learn", "## Goals"), "You will learn"),
    (style.has_the_headings, replace("## Exercises", "## Your turn"), "Exercises"),
    (style.has_the_headings, replace("## Summary", "## The end"), "Summary"),
    (style.says_how_long_it_takes, replace("Time needed: about 10 minutes.", ""), "Time needed"),
    (style.says_how_long_it_takes, replace("about 10 minutes", "a while"), "Time needed"),
    (style.prose_holds_no_results, prose("Recall is 0.43 here."), "0.43"),
    (style.prose_holds_no_results, prose("Recall is **.43**."), ".43"),
    (style.prose_holds_no_results, prose("Recall rose by 43 %, which is much."), "43 %"),
    (style.prose_holds_no_results, prose("Recall rose by 4.5% on one line <!-- ok -->"), "4.5%"),
    (style.prose_is_calm, prose("A Powerful technique."), "Powerful"),
    (style.prose_is_calm, prose("It works seamlessly."), "seamlessly"),
    (style.prose_is_calm, prose("Well done \N{PARTY POPPER}"), "\N{PARTY POPPER}"),
    (style.has_numbered_exercises, replace("01.2", "01.1"), "2 exercises"),
    (style.has_numbered_exercises, replace("01.2", "02.2"), "02.2"),
    (style.has_numbered_exercises, add(*[code(f'labkit.check("01.{k}", ...)') for k in (4, 5, 6)]), "6 exercises"),
    (style.has_numbered_exercises, add(code('labkit.check("01.4", ...)\nlabkit.check("01.5", ...)')), "share a cell"),
    (style.exercises_are_open, replace('"01.1", ...', '"01.1", 4'), "01.1 is answered"),
    (style.exercises_are_open, replace("answer = ...", "answer = 4"), "01.2 is answered"),
    (style.exercises_are_open, out(4, printed("01.1: right.\n")), "01.1 does not show"),
    (style.exercises_name_their_kind, replace("01.2 (think)", "01.2"), "01.2 is not announced"),
    (style.exercises_name_their_kind, replace("(write)", "(sing)"), "01.1 is not announced"),
    (style.exercises_name_their_kind, replace("(write)", "(change)"), "no exercise lets the reader write"),
    (style.questions_are_answered, replace("labkit.course.say", "print"), "So how many are there?"),
    (style.questions_are_answered, replace("labkit.course.say(", "# Far below.\n# say"), "no say()"),
]
SOLUTION_FAULTS: list[tuple[style.Rule, Plant, str]] = [
    (style.exercises_are_solved, replace('"01.1", 1', '"01.1", ...'), "01.1 has no answer"),
    (style.exercises_are_solved, out(5, printed("01.2: not yet. Count again.\n")), "01.2 is not shown as right"),
    (style.exercises_are_solved, replace("# NBVAL_CHECK_OUTPUT\n", ""), "NBVAL_CHECK_OUTPUT"),
]


def names(faults: list[tuple[style.Rule, Plant, str]]) -> list[str]:
    return [f"{rule.__name__}-{i}" for i, (rule, _, _) in enumerate(faults)]


@pytest.mark.parametrize(("rule", "plant", "words"), FAULTS, ids=names(FAULTS))
def test_a_planted_fault_is_found(rule: style.Rule, plant: Plant, words: str):
    lesson = good_lesson()
    plant(lesson)
    assert any(words in problem for problem in rule(lesson)), rule(lesson)


@pytest.mark.parametrize(("rule", "plant", "words"), SOLUTION_FAULTS, ids=names(SOLUTION_FAULTS))
def test_a_planted_fault_in_a_solution_is_found(rule: style.Rule, plant: Plant, words: str):
    solution = good_solution()
    plant(solution)
    assert any(words in problem for problem in rule(solution)), rule(solution)


def test_every_rule_has_a_planted_fault():
    planted = {rule for rule, _, _ in FAULTS + SOLUTION_FAULTS}
    assert planted == {*style.LESSON_RULES, *style.SOLUTION_RULES}


def test_a_glossary_link_without_its_heading_is_found():
    lesson = good_lesson()
    lesson.cells[0].source += " A [depth](../GLOSSARY.md#top-k-depth) and a [graph](GLOSSARY.md#graph)."
    assert style.glossary_links_lead_somewhere(lesson, GLOSSARY) == ["the glossary has no heading for #graph"]


# ------------------------------------------------------------------------- docstrings of labkit


def shared_lines(source: str) -> list[str]:
    """Lines of a docstring's `Args:` or `Attributes:` in which more than one argument is described."""
    problems = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef) or not (text := ast.get_docstring(node)):
            continue
        inits = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
        functions = [node] if isinstance(node, ast.FunctionDef) else inits
        names = {a.arg for f in functions for a in (*f.args.args, *f.args.kwonlyargs)}
        names |= {n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
        for section in re.findall(r"^(?:Args|Attributes):\n((?:    .*\n?|\n)+)", text, re.MULTILINE):
            for line in section.splitlines():
                described = [name for name in names if re.search(rf"(?:^    |[.;,] ){name}(?:, \w+)*: ", line)]
                if len(described) > 1 or re.match(r"    \w+(?:, \w+)+: ", line):
                    problems.append(f"{node.name}: {line.strip()}")
    return problems


def test_two_arguments_on_a_line_are_found():
    text = 'def f(a, b):\n    """What.\n\n    Args:\n        {}\n    """\n'
    assert shared_lines(text.format("a: this.\n        b: that, as a: says.")) == []
    assert shared_lines(text.format("a: this. b: that.")) == ["f: a: this. b: that."]
    assert shared_lines(text.format("a, b: both.")) == ["f: a, b: both."]


CODE = [*(style.ROOT / "labkit").rglob("*.py"), *(style.ROOT / "notebooks").rglob("*.py")]


@pytest.mark.parametrize("path", sorted(CODE), ids=lambda p: p.stem)
def test_each_argument_has_a_line_of_its_own(path):
    assert shared_lines(path.read_text(encoding="utf-8")) == []
