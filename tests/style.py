"""The style of a lesson, one rule a function: `rule(notebook)` lists what is wrong, a sentence each.

`tests/test_style.py` shows that each rule finds a planted fault, `tests/test_lessons.py` applies them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat

Notebook = nbformat.NotebookNode
Rule = Callable[[Notebook], list[str]]

ROOT = Path(__file__).resolve().parents[1]
LONGEST_CELL = 15
SHORT_CELL = 6
EXERCISES = range(3, 6)
KINDS = ("predict", "change", "write", "think")
HEADINGS = ("You will learn", "Exercises", "Summary")

# The first code cell of every notebook, to the letter.
BOOTSTRAP = """\
# In Google Colab, upload labkit's wheel first: this installs it and keeps Colab's torch. Elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    !PYTHONPATH=$(ls labkit-*.whl | tail -1) {sys.executable} -m labkit.colab
"""

HYPE = (
    r"amazing(?:ly)?|awesome|blazing(?:ly)?|breathtaking|cutting[- ]edge|delv(?:e|es|ing)|effortless(?:ly)?|exciting"
    r"|fantastic|game[- ]chang(?:er|ers|ing)|groundbreaking|incredibl[ey]|lightning[- ]fast|magic(?:al|ally)?"
    r"|mind[- ]blowing|next[- ]level|powerful|revolution(?:ary|ise|ises|ize|izes)|seamless(?:ly)?|stunning(?:ly)?"
    r"|supercharg(?:e|es|ed|ing)|unleash(?:es|ed|ing)?|world[- ]class|state[- ]of[- ]the[- ]art"
)
EMOJI = "[\N{BLACK SUN WITH RAYS}-\N{DINGBAT NEGATIVE CIRCLED SANS-SERIF NUMBER TEN}\U0001f000-\U0001faff]"

# ------------------------------------------------------------------------------------ helpers


def read(path: Path) -> Notebook:
    """A notebook, in the current format.

    Raises:
        ValueError: the file is no notebook of format 4.
    """
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(notebook: Notebook) -> list[Notebook]:
    """The code cells, in order."""
    return [c for c in notebook.cells if c.cell_type == "code"]


def prose_cells(notebook: Notebook) -> list[Notebook]:
    """The markdown cells, in order."""
    return [c for c in notebook.cells if c.cell_type == "markdown"]


def _prose(notebook: Notebook) -> str:
    return "\n\n".join(c.source for c in prose_cells(notebook))


def _lines(source: str) -> int:
    return sum(bool(line.strip()) for line in source.splitlines())


def _outputs(notebook: Notebook) -> Iterator[tuple[str, Notebook]]:
    """Each output with the name of its cell."""
    for number, cell in enumerate(code_cells(notebook), start=1):
        for output in cell.outputs:
            yield f"code cell {number}", output


def _texts(output: Notebook) -> Iterator[str]:
    """The text of an output in all its forms, pictures aside."""
    if output.output_type == "stream":
        yield output.text
    for kind, content in output.get("data", {}).items():
        if not kind.startswith("image/") or kind == "image/svg+xml":
            yield content if isinstance(content, str) else str(content)


def _parse(source: str) -> ast.Module:
    """A cell as Python; IPython's magics and shell lines are left out."""
    lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()]
    try:
        return ast.parse("\n".join(lines))
    except SyntaxError:
        return ast.Module([], [])


def _headings(notebook: Notebook) -> list[str]:
    return re.findall(r"^#+ +(.+?)\s*$", _prose(notebook), re.MULTILINE)


# --------------------------------------------------------------------------------- code cells


def cells_are_short(notebook: Notebook) -> list[str]:
    """A code cell has at most 15 lines that are not blank."""
    return [
        f"code cell {i} has {n} lines, more than {LONGEST_CELL}"
        for i, c in enumerate(code_cells(notebook), start=1)
        if (n := _lines(c.source)) > LONGEST_CELL
    ]


def half_of_the_cells_are_very_short(notebook: Notebook) -> list[str]:
    """At least half of the code cells have at most 6 lines."""
    cells = code_cells(notebook)
    short = sum(_lines(c.source) <= SHORT_CELL for c in cells)
    return (
        [] if 2 * short >= len(cells) else [f"only {short} of {len(cells)} code cells have {SHORT_CELL} lines or fewer"]
    )


def starts_with_the_bootstrap_cell(notebook: Notebook) -> list[str]:
    """The first code cell is the bootstrap cell, to the letter, and it printed nothing."""
    cells = code_cells(notebook)
    if not cells or cells[0].source.strip() != BOOTSTRAP.strip():
        return ["the first code cell is not the bootstrap cell of tests/style.py"]
    return ["the bootstrap cell left an output: run the notebook outside Colab"] if cells[0].outputs else []


def has_a_kernel(notebook: Notebook) -> list[str]:
    """The notebook names the kernel python3, else JupyterLab asks for one."""
    name = notebook.metadata.get("kernelspec", {}).get("name")
    return [] if name == "python3" else [f"the kernelspec is {name!r}, not 'python3'"]


# ------------------------------------------------------------------------------------ outputs


def was_run_in_order(notebook: Notebook) -> list[str]:
    """Execution counts are 1 to N: saved after one run of all cells in a fresh kernel."""
    counts = [c.execution_count for c in code_cells(notebook)]
    return [] if counts == [*range(1, len(counts) + 1)] else [f"execution counts are {counts}, not 1 to {len(counts)}"]


def _must_show(source: str) -> bool:
    """Whether a cell leaves an output for certain: it prints at top level, or ends in the name of something."""
    body = _parse(source).body
    calls = [s.value.func for s in body if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call)]
    if any(ast.unparse(f) in ("print", "display", "labkit.check") for f in calls):
        return True
    ends_in_name = bool(body) and isinstance(body[-1], ast.Expr) and isinstance(body[-1].value, ast.Name)
    return ends_in_name and not source.rstrip().endswith(";")


def outputs_are_saved(notebook: Notebook) -> list[str]:
    """A cell that prints or shows something has a saved output."""
    return [
        f"code cell {i} shows something, but no output is saved"
        for i, c in enumerate(code_cells(notebook), start=1)
        if not c.outputs and _must_show(c.source)
    ]


def has_no_errors(notebook: Notebook) -> list[str]:
    """No cell ended in an error."""
    return [f"{cell}: {o.ename}: {o.evalue}" for cell, o in _outputs(notebook) if o.output_type == "error"]


def has_no_stderr(notebook: Notebook) -> list[str]:
    """Nothing was written to stderr: neither warnings nor progress bars are saved."""
    return [
        f"{cell} wrote to stderr: {o.text.strip()[:80]!r}"
        for cell, o in _outputs(notebook)
        if o.output_type == "stream" and o.name == "stderr"
    ]


def has_no_widget_state(notebook: Notebook) -> list[str]:
    """The metadata holds no state of widgets."""
    return ["the metadata holds widget state"] if "widgets" in notebook.metadata else []


def _alt(metadata: Any, kind: str) -> str:
    own = metadata.get(kind, {})
    return str((own.get("alt", "") if hasattr(own, "get") else "") or metadata.get("alt", "")).strip()


def pictures_are_described(notebook: Notebook) -> list[str]:
    """Every picture has a text description in its output's metadata."""
    return [
        f"{cell}: its picture ({kind}) has no alt text in the output's metadata"
        for cell, o in _outputs(notebook)
        for kind in o.get("data", {})
        if kind.startswith("image/") and not _alt(o.get("metadata", {}), kind)
    ]


# Written in pieces, so that this file names no folder itself.
_PATHS = re.compile(
    r"(?:(?<![\w.:/])/(?:home|root|tmp|Users|private|content)/|/var/folders/|\b[A-Z]:\\+Users\\)|"
    + re.escape(str(ROOT))
)


def outputs_name_no_folders(notebook: Notebook) -> list[str]:
    """No output holds an absolute path of the machine that it ran on."""
    return [
        f"{cell} shows a path of the machine: {found.group()!r}"
        for cell, o in _outputs(notebook)
        for text in _texts(o)
        if (found := _PATHS.search(text))
    ]


# -------------------------------------------------------------------------------------- prose


def has_more_prose_than_code(notebook: Notebook) -> list[str]:
    """At least as many prose cells as code cells."""
    prose, code = len(prose_cells(notebook)), len(code_cells(notebook))
    return [] if prose >= code else [f"{prose} prose cells for {code} code cells"]


def number(notebook: Notebook) -> str:
    """The number in the title (`# 01 Naive RAG` gives "01"), "" where there is none."""
    first = notebook.cells[0].source if notebook.cells and notebook.cells[0].cell_type == "markdown" else ""
    found = re.match(r"# (\d\d|A\d) \S", first)
    return found.group(1) if found else ""


def has_a_numbered_title(notebook: Notebook) -> list[str]:
    """The first cell starts with `# NN Title`."""
    return [] if number(notebook) else ["the first cell does not start with '# NN Title'"]


def has_the_headings(notebook: Notebook) -> list[str]:
    """A lesson has "You will learn", "Exercises" and "Summary"."""
    present = _headings(notebook)
    return [f"the heading {h!r} is missing" for h in HEADINGS if h not in present]


def says_how_long_it_takes(notebook: Notebook) -> list[str]:
    """A line gives the time needed, with a number."""
    found = re.search(r"^\W*Time needed\W+.*\d", _prose(notebook), re.MULTILINE)
    return [] if found else ["there is no line 'Time needed: ...' with a number"]


def _plain_prose(source: str) -> list[str]:
    """Lines of prose without code, link targets and lines whose figures are marked as fixed."""
    source = re.sub(r"(```|~~~).*?\1", "", source, flags=re.DOTALL)
    source = re.sub(r"(`+).+?\1", "", source, flags=re.DOTALL)
    source = re.sub(r"\]\([^)\s]*\)", "]", source)
    return [line for line in source.splitlines() if "<!-- fixed -->" not in line]


def prose_holds_no_results(notebook: Notebook) -> list[str]:
    """Figures come from cells: no shares such as 0.43 or 43 % in prose (the 95 % of intervals aside)."""
    share = re.compile(r"(?<![\d.])0?\.\d+(?![\d.]*\d)|(?<![\d.])(?!95 ?%)\d+(?:\.\d+)? ?(?:%|per cent\b|percent\b)")
    return [
        f"prose cell {i} holds the figure {found!r}: print it from a cell, or mark the line <!-- fixed -->"
        for i, c in enumerate(prose_cells(notebook), start=1)
        for line in _plain_prose(c.source)
        for found in share.findall(line)
    ]


def prose_is_calm(notebook: Notebook) -> list[str]:
    """No words of advertising, no emoji."""
    loud = re.compile(rf"\b(?:{HYPE})\b|{EMOJI}", re.IGNORECASE)
    return [
        f"prose cell {i} says {found!r}"
        for i, c in enumerate(prose_cells(notebook), start=1)
        for found in loud.findall("\n".join(_plain_prose(c.source)))
    ]


def slug(heading: str) -> str:
    """The anchor of a heading: lower case, words joined by hyphens, no punctuation."""
    words = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return words.replace(" ", "-")


def glossary_links_lead_somewhere(notebook: Notebook, glossary: str) -> list[str]:
    """Every link `GLOSSARY.md#term` has its heading in the glossary, whose text is given."""
    anchors = {slug(h) for h in re.findall(r"^#+ +(.+?)\s*$", glossary, re.MULTILINE)}
    links = re.findall(r"\]\((?:\.\./)?GLOSSARY\.md#([^)\s]+)\)", _prose(notebook))
    return [f"the glossary has no heading for #{link}" for link in links if link.lower() not in anchors]


# ---------------------------------------------------------------------------------- exercises


def exercises(notebook: Notebook) -> dict[str, Notebook]:
    """The cells that call `labkit.check`, by the exercise they name."""
    found = {}
    for cell in code_cells(notebook):
        for node in ast.walk(_parse(cell.source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "labkit.check" and node.args:
                found[str(getattr(node.args[0], "value", ""))] = cell
    return found


def has_numbered_exercises(notebook: Notebook) -> list[str]:
    """3 to 5 exercises, each in a cell of its own, numbered NN.1, NN.2, ... after the title."""
    found = exercises(notebook)
    if len(found) not in EXERCISES:
        return [f"{len(found)} exercises, not {EXERCISES[0]} to {EXERCISES[-1]}"]
    wanted = [f"{number(notebook)}.{k}" for k in range(1, len(found) + 1)]
    problems = [] if list(found) == wanted else [f"the exercises are {list(found)}, not {wanted}"]
    cells = {id(c) for c in found.values()}
    return problems if len(cells) == len(found) else [*problems, "two exercises share a cell"]


def exercises_name_their_kind(notebook: Notebook) -> list[str]:
    """The prose of each exercise says of which of the four kinds it is; in at least one, something is written."""
    found = dict(re.findall(r"\*\*Exercise (\w\d\.\d) \((\w+)\)\*\*", _prose(notebook)))
    problems = [
        f"exercise {name} is not announced as '**Exercise {name} (kind)**' with one of {', '.join(KINDS)}"
        for name in exercises(notebook)
        if found.get(name) not in KINDS
    ]
    return problems if problems or "write" in found.values() else ["no exercise lets the reader write a technique"]


def questions_are_answered(notebook: Notebook) -> list[str]:
    """A question in the prose is answered by a sentence made from figures (`say`) within the next four cells."""
    problems = []
    for i, cell in enumerate(notebook.cells):
        if "## Exercises" in cell.source:
            break
        if cell.cell_type != "markdown" or not (asked := _questions(cell.source)):
            continue
        if not any("say(" in c.source for c in notebook.cells[i + 1 : i + 5] if c.cell_type == "code"):
            problems.append(f"cell {i} asks {asked[-1]!r}, and no say() answers within four cells")
    return problems


def _questions(source: str) -> list[str]:
    """The questions that prose asks; quoted ones, those in italics and what is answered in the same cell aside."""
    plain = re.sub(r"[\"“][^\"”]*[\"”]|(?<!\*)\*[^*]+\*(?!\*)", "", "\n".join(_plain_prose(source)))
    last = re.split(r"\n\s*\n", plain.strip())[-1]
    return re.findall(r"[^.?!:]*\?(?=\s*$)", last)


def _is_open(source: str) -> bool:
    """Whether the answer given to `labkit.check` is still `...`, directly or by its name."""
    tree = _parse(source)
    blanks = {
        ast.unparse(target)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.value) == "..."
        for target in node.targets
    }
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "labkit.check"]
    return any(len(c.args) < 2 or ast.unparse(c.args[1]) in {"...", *blanks} for c in calls)


def _said(cell: Notebook) -> list[str]:
    return [line for o in cell.outputs for text in _texts(o) for line in text.splitlines()]


def exercises_are_open(notebook: Notebook) -> list[str]:
    """In a lesson the answers are `...`, and the saved output says that they are not answered yet."""
    problems = []
    for name, cell in exercises(notebook).items():
        if not _is_open(cell.source):
            problems.append(f"exercise {name} is answered in the lesson: write ... there")
        if f"{name}: not answered yet." not in _said(cell):
            problems.append(f"exercise {name} does not show that it is not answered yet: run the notebook")
    return problems


def exercises_are_solved(notebook: Notebook) -> list[str]:
    """In a solution every answer is given, found right, and compared by nbval on every run."""
    problems = []
    for name, cell in exercises(notebook).items():
        if _is_open(cell.source):
            problems.append(f"exercise {name} has no answer in the solution")
        if f"{name}: right." not in _said(cell):
            problems.append(f"exercise {name} is not shown as right: mend the answer and run the notebook")
        if "# NBVAL_CHECK_OUTPUT" not in cell.source:
            problems.append(f"the cell of exercise {name} lacks '# NBVAL_CHECK_OUTPUT', so no test would rerun it")
    return problems


RULES: tuple[Rule, ...] = (
    cells_are_short,
    half_of_the_cells_are_very_short,
    starts_with_the_bootstrap_cell,
    has_a_kernel,
    was_run_in_order,
    outputs_are_saved,
    has_no_errors,
    has_no_stderr,
    has_no_widget_state,
    pictures_are_described,
    outputs_name_no_folders,
    has_more_prose_than_code,
    has_a_numbered_title,
    prose_holds_no_results,
    prose_is_calm,
    has_numbered_exercises,
)
LESSON_RULES: tuple[Rule, ...] = (
    *RULES,
    has_the_headings,
    says_how_long_it_takes,
    exercises_are_open,
    exercises_name_their_kind,
    questions_are_answered,
)
SOLUTION_RULES: tuple[Rule, ...] = (*RULES, exercises_are_solved)
