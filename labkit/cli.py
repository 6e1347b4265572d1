"""The command line: everything the Makefile does, also where there is no make.

Floor 4.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from labkit import paths, stats


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when it succeeded. Errors that a user can mend are one sentence, not a traceback."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and not getattr(options, "passes_on", False):
        parser.error(f"unknown arguments: {' '.join(rest)}")
    options.rest = rest
    try:
        return int(options.run(options) or 0)
    except (FileNotFoundError, ValueError, RuntimeError) as cause:
        print(f"labkit: {cause}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="labkit", description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, run: Callable[[argparse.Namespace], int | None], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("help", lambda _: parser.print_help(), "list the commands")
    add("lab", _lab, "open the course in JupyterLab (further arguments go to JupyterLab)").set_defaults(passes_on=True)
    add("test", _test, "run every check and test, each notebook included")
    add("lint", _lint, "check style and types")
    add("course", _course, "run every lesson and print all figures")
    data = add("data", _data, "build, describe or verify the course's data")
    data.add_argument("action", choices=("build", "describe", "verify"), nargs="?", default="build")
    text = "train or evaluate the reader, write its card, or ship a trained one with the course"
    _add_reader_actions(add("reader", _reader, text))
    adapters = add("adapters", _adapters, "train the adapters of lessons 04 to 06 and put them into the course")
    names = ("embedder", "reranker", "extractor", "intents", "minilm")
    adapters.add_argument("which", choices=names, nargs="?", help="all by default; minilm: vectors of the dev archive")
    add("questions", _questions, "write the hypothetical questions of lesson 02 anew")
    add("triples", _triples, "extract the triples of lesson 05 anew")
    add("benchmark", _benchmark, "ask the test questions, and keep the report with the course")
    return parser


def _add_reader_actions(reader: argparse.ArgumentParser) -> None:
    """The actions of `labkit reader`, each with its own options."""
    actions = reader.add_subparsers(dest="action", required=True)

    def add(name: str, act: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=text, description=text)
        action.set_defaults(act=act)
        return action

    def add_model(action: argparse.ArgumentParser, default: str) -> None:
        text = f"folder of a finished model or of its run ({default})"
        action.add_argument("--model", type=Path, metavar="FOLDER", help=text)
        # What the option was called before.
        action.add_argument("--out", type=Path, dest="model", help=argparse.SUPPRESS)

    def add_questions(action: argparse.ArgumentParser) -> None:
        action.add_argument("--questions", type=_count, default=200, metavar="N", help="questions a figure (200)")

    train = add("train", _train_reader, "train the reader; a run that was stopped goes on from its checkpoint")
    train.add_argument("--minutes", type=_minutes, default=70, help="training time on this machine (70)")
    train.add_argument("--out", type=Path, metavar="FOLDER", help="folder for checkpoint, log and model (build/reader)")
    train.add_argument("--start", type=Path, metavar="FOLDER", help="train the finished reader in this folder further")
    train.add_argument("--fresh", action="store_true", help="delete the checkpoint in the folder and begin anew")
    add_model(add("ship", _ship_reader, "put a trained reader into the course"), "build/reader")
    measure = add("evaluate", _evaluate_reader, "measure a reader and print its figures")
    add_model(measure, "the shipped reader")
    add_questions(measure)
    measure.add_argument("--json", action="store_true", help="print the figures as JSON")
    card = add("card", _write_reader_card, "measure a reader and write the figures into its README.md")
    add_model(card, "the shipped reader")
    add_questions(card)
    breadth = add("breadth", _measure_breadth, "teach copies of the reader new topics in few and in many wordings")
    breadth.add_argument("--steps", type=_count, default=150, metavar="N", help="training steps of each copy (150)")
    add_questions(breadth)
    breadth.add_argument("--fresh", action="store_true", help="delete the copies of a call that was broken off")


def _count(text: str) -> int:
    """An option's whole number from 1 up."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 up")
    return number


def _minutes(text: str) -> float:
    """An option's positive number of minutes."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes above 0")
    return number


def _root() -> Path:
    root = paths.checkout()
    if root is None:
        raise FileNotFoundError("This command needs the course's checkout: clone it and run the command there.")
    return root


def _call(*command: str | Path, **environment: str) -> int:
    """Run a step from the checkout's root, its command printed; its exit code."""
    print("$", " ".join(str(c) for c in command), flush=True)
    return subprocess.run([str(c) for c in command], cwd=_root(), env=os.environ | environment, check=False).returncode


def _lessons() -> Path:
    """The checkout's lessons; where labkit was installed from a wheel, a copy of them to work in."""
    if root := paths.checkout():
        return root / "notebooks"
    folder = Path.cwd() / "labkit-course"
    if not folder.exists():
        shutil.copytree(Path(__file__).resolve().parent / "notebooks", folder)
        print(f"The lessons were copied to {folder}.")
    return folder


def _lab(options: argparse.Namespace) -> int:
    folder = _lessons()
    command = [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1"]
    if not any("notebook-dir" in a or "root_dir" in a for a in options.rest):
        command.append(f"--notebook-dir={folder}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return subprocess.run([*command, *options.rest], check=False).returncode


def _lint(_: argparse.Namespace) -> int:
    steps = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy", "labkit"))
    return _failed([_call(sys.executable, "-m", *step) for step in steps])


def _failed(codes: Sequence[int]) -> int:
    """1 when a step failed; a step that was killed has a negative code."""
    return int(any(code != 0 for code in codes))


def _test(options: argparse.Namespace) -> int:
    offline = {
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": str(_root() / "tests" / "offline"),
        # Two threads each for two jobs on two cores stall one another.
        "OMP_NUM_THREADS": "1",
        # Notebooks run first and fill it, so that the browser tests need not embed anew.
        "LABKIT_CACHE": str(paths.cache()),
        # A student's own results stay as they are.
        "LABKIT_BUILD": str(paths.build() / "test"),
    }
    notebooks = ("--nbval-lax", "--nbval-cell-timeout=600", "--nbval-sanitize-with", "tests/nbval.cfg")
    pytest = (sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "-q")
    codes = [
        _lint(options),
        _call(*pytest, "notebooks", *notebooks, "-p", "no:cacheprovider", **offline),
        # In the order of collection, the browser tests come first: they are few and long, and would end alone.
        _call(*pytest, "--no-loadscope-reorder", "tests", **offline),
    ]
    return _failed(codes)


def _course(_: argparse.Namespace) -> None:
    from labkit import course

    try:
        course.run(_lessons())
    finally:
        print(f"\n{course.figures_table()}\n\nExecuted lessons and report: {paths.build() / 'course'}")


def _data(options: argparse.Namespace) -> int:
    if options.action == "build":
        from synthesis.archive import build

        build.main(_root() / "data")
        return 0
    from synthesis.archive import checks

    if options.action == "describe":
        print(checks.describe(paths.data()))
        return 0
    problems = checks.verify(paths.data())
    print("\n".join(problems) or "The data is complete and unchanged.")
    # Nothing to complain of, but a price of one's own explains a figure that differs.
    if not problems and (edited := checks.edited(paths.data())):
        print(f"Edited, as it may be: {', '.join(edited)}.")
    return 1 if problems else 0


def _adapters(options: argparse.Namespace) -> None:
    from synthesis import adapters

    makers: dict[str, Callable[[Path], Path]] = {
        "embedder": adapters.make_embedder,
        "reranker": adapters.make_reranker,
        "extractor": adapters.make_extractor,
        "intents": adapters.make_intents,
        "minilm": adapters.make_vectors,
    }
    for name in [options.which] if options.which else makers:
        makers[name](_root() / "data" / "models" / name)


def _questions(_: argparse.Namespace) -> None:
    from labkit import bench

    bench.write_questions()


def _triples(_: argparse.Namespace) -> None:
    from labkit import bench

    bench.write_triples()


def _benchmark(_: argparse.Namespace) -> None:
    from labkit import bench

    bench.write_benchmark()


def _reader(options: argparse.Namespace) -> int:
    try:
        options.act(options)
    except KeyboardInterrupt as cause:
        print(f"labkit: {str(cause) or 'stopped'}", file=sys.stderr)
        # What a shell returns for a command that Ctrl-C ended.
        return 130
    return 0


def _train_reader(options: argparse.Namespace) -> None:
    from synthesis.reader import train

    out = options.out or paths.build() / "reader"
    made = train.train(out, minutes=options.minutes, start=options.start, resume=not options.fresh)
    print(f"The model is in {made}; `python -m labkit reader evaluate --model {made}` measures it.")


def _ship_reader(options: argparse.Namespace) -> None:
    from synthesis.reader import train

    train.ship(options.model or paths.build() / "reader", _root() / "data" / "models" / "reader")


def _reader_folder(options: argparse.Namespace) -> Path:
    """Folder of the model to measure, the shipped reader by default, whatever LABKIT_MODEL names; says which."""
    from synthesis.reader import train

    folder = train.model_folder(options.model or paths.reader())
    print(f"measuring the reader in {folder}", file=sys.stderr)
    return folder


def _evaluate_reader(options: argparse.Namespace) -> None:
    from synthesis.reader import evaluate

    # The bar goes to stderr, so that stdout holds the figures alone.
    report = evaluate.evaluate(_reader_folder(options), options.questions, progress=True)
    print(json.dumps(stats.plain(report, 4), indent=1) if options.json else evaluate.table(report))


def _write_reader_card(options: argparse.Namespace) -> None:
    from synthesis.reader import evaluate

    folder = _reader_folder(options)
    if not (folder / "README.md").exists():
        raise FileNotFoundError(
            f"{folder} holds no README.md to write into: copy {paths.reader() / 'README.md'} there."
        )
    evaluate.write_card(folder, options.questions)


def _measure_breadth(options: argparse.Namespace) -> None:
    from synthesis.reader import breadth

    breadth.write(paths.build() / "breadth", options.steps, options.questions, fresh=options.fresh)
