"""Judgements of answers, kept in one SQLite file that no kill of a kernel harms.

Several notebooks and processes may use a store at once. Its file is in WAL mode with `synchronous=FULL`
(https://sqlite.org/wal.html), so that a judgement is on the disk when `Store.judge` returns.
"""

from __future__ import annotations

import json
import sqlite3
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

from labkit import paths, prompts
from labkit.prompts import Message, Passage

Verdict = Literal["first", "second", "tie", "both_bad"]

# Of the tables below; a file of another version is refused.
VERSION = 1
# Written into the header of the file, so that no other program's SQLite file is taken for a store.
_APPLICATION = 0x6C61626A
# Seconds after each transaction in which others can begin theirs; without it a busy process starves them.
_GAP = 0.003
_SCHEMA = (
    "CREATE TABLE comparisons (id TEXT PRIMARY KEY, content TEXT NOT NULL)",
    'CREATE TABLE judgements (comparison TEXT NOT NULL, rater TEXT NOT NULL, verdict TEXT NOT NULL, "left" INTEGER '
    "NOT NULL, edited TEXT, at TEXT NOT NULL, PRIMARY KEY (rater, at, comparison))",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)


@dataclass(frozen=True)
class Comparison:
    """Two answers to one question, to be judged.

    Attributes:
        id: a name of its own.
        question: what was asked.
        passages: what the answers should rest on.
        answers: the two answers.
        sources: where each comes from, such as the model's name; not shown to raters.
        messages: the prompt that the answers were written to; `prompts.answer_messages` by default.

    Raises:
        ValueError: the id or the question is empty, or there are not two answers.
    """

    id: str
    question: str
    passages: tuple[Passage, ...]
    answers: tuple[str, str]
    sources: tuple[str, str] = ("", "")
    messages: tuple[Message, ...] | None = None

    def __post_init__(self) -> None:
        texts = (self.id, self.question, *self.answers)
        if len(texts) != 4 or not all(isinstance(text, str) for text in texts) or not (self.id and self.question):
            raise ValueError(f"A comparison needs an id, a question and two answers, all of them text, not {texts!r}.")
        if self.messages is None:
            object.__setattr__(self, "messages", tuple(prompts.answer_messages(self.question, self.passages)))


@dataclass(frozen=True)
class Judgement:
    """What one rater says of a comparison.

    Attributes:
        comparison: its id.
        rater: who judged.
        verdict: "first" or "second" of `Comparison.answers` is the better; or "tie", or "both_bad".
        left: which of the two, 0 or 1, was shown on the left.
        edited: the answer as the rater would have it, if they wrote one.
        at: when, as ISO 8601 in UTC; empty where it is not known.

    Raises:
        ValueError: one of these is none of what it can be.
    """

    comparison: str
    rater: str
    verdict: Verdict
    left: int = 0
    edited: str | None = None
    at: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in get_args(Verdict):
            raise ValueError(f"There is no verdict {self.verdict!r}: choose one of {', '.join(get_args(Verdict))}.")
        if self.left not in (0, 1) or not self.rater:
            raise ValueError(f"A judgement needs a rater and left=0 or 1, not {self.rater!r} and {self.left!r}.")
        if self.edited is not None and not self.edited.strip():
            raise ValueError("The edited answer is empty: write one, or leave it out.")
        if self.at and datetime.fromisoformat(self.at).utcoffset() != timedelta(0):
            raise ValueError(f"The time {self.at!r} is not in UTC: write it with +00:00 at its end.")

    @property
    def chose_left(self) -> bool | None:
        """Whether the answer on the left was preferred; None where neither was."""
        return None if self.verdict in ("tie", "both_bad") else (self.verdict == "second") == bool(self.left)


def by_id(comparisons: Iterable[Comparison], judgements: Iterable[Judgement]) -> dict[str, Comparison]:
    """Comparisons by their ids; a ValueError where a judgement is about none of them."""
    known = {comparison.id: comparison for comparison in comparisons}
    if missing := [judgement.comparison for judgement in judgements if judgement.comparison not in known]:
        raise ValueError(f"A judgement is about {missing[0]!r}, which is none of the comparisons: give them all.")
    return known


class Store:
    """Comparisons and their judgements in one file, made when it is missing.

    Args:
        path: the file; keep it on a disk of this machine, for SQLite does not lock reliably over a network.

    Attributes:
        wait: seconds to wait while another process writes.

    Raises:
        ValueError: the file is no store, or one of another version; it stays as it is. Also in every method where the
            file cannot be read or written; nothing of that call is kept then.
    """

    wait = 20.0

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with self._transaction(make=True) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                for statement in _SCHEMA:
                    connection.execute(statement)
            elif application != _APPLICATION:
                raise ValueError(f"{str(path)!r} is another program's SQLite file: choose another name for the store.")
            elif version != VERSION:
                raise ValueError(
                    f"{str(path)!r} is a store of version {version}, this labkit reads version {VERSION}: export it as "
                    "JSON lines with the labkit that wrote it, and import them into a new store."
                )

    @contextmanager
    def _transaction(self, make: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection of this call's own, all of whose changes are kept together or not at all."""
        try:
            if make:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            uri = f"{self.path.absolute().as_uri()}?mode={'rwc' if make else 'rw'}"
            with closing(sqlite3.connect(uri, uri=True, timeout=self.wait, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                with connection:
                    yield connection
            time.sleep(_GAP)
            if make:
                # Open as long as the store: whoever closes a file last tidies it up, which would slow every click.
                keeper = sqlite3.connect(uri, uri=True, timeout=self.wait, check_same_thread=False)
                weakref.finalize(self, keeper.close)
                keeper.execute("PRAGMA journal_mode = WAL")
                keeper.execute("SELECT 1 FROM sqlite_master").fetchone()
        except (sqlite3.Error, OSError) as cause:
            raise ValueError(
                f"The store {str(self.path)!r} cannot be used ({cause}), and nothing was saved: see that it is a store "
                "that can be written to and that no other program holds it locked, or choose another file."
            ) from cause

    def add(self, comparisons: Iterable[Comparison], judgements: Iterable[Judgement] = ()) -> None:
        """Add comparisons, and judgements made elsewhere; what the store already holds is left as it is.

        Raises:
            ValueError: the store holds something else under the same id, or no comparison that a judgement names;
                nothing is added then.
        """
        with self._transaction() as connection:
            for comparison in comparisons:
                row = {"id": comparison.id, "content": json.dumps(asdict(comparison), sort_keys=True)}
                _insert(connection, "comparisons", row, "id")
            for judgement in judgements:
                _insert_judgement(connection, judgement)

    def comparisons(self) -> list[Comparison]:
        """All comparisons, in the order in which they were added."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT content FROM comparisons ORDER BY rowid").fetchall()
        return [_comparison(json.loads(content)) for (content,) in rows]

    def judge(
        self, comparison: str, rater: str, verdict: Verdict, left: int = 0, edited: str | None = None
    ) -> Judgement:
        """Record a judgement, on the disk when this returns; a second one of the same rater replaces the first.

        Args:
            comparison: id of the comparison.
            rater: who judges.
            verdict: as in `Judgement`.
            left: the same.
            edited: the same.

        Raises:
            ValueError: the store has no such comparison, or the verdict is none.
        """
        with self._transaction() as connection:
            (last,) = connection.execute("SELECT max(at) FROM judgements WHERE rater = ?", (rater,)).fetchone()
            now = datetime.now(UTC)
            if last:  # a clock may be set back, and "the last" must still be the last
                now = max(now, datetime.fromisoformat(last) + timedelta(microseconds=1))
            judgement = Judgement(comparison, rater, verdict, left, edited, now.isoformat(timespec="microseconds"))
            _insert_judgement(connection, judgement)
        return judgement

    def undo(self, rater: str) -> Judgement | None:
        """Take back a rater's last judgement; one that it had replaced counts again.

        Returns:
            What was taken back; None where the rater has judged nothing.
        """
        with self._transaction() as connection:
            row = connection.execute(
                "DELETE FROM judgements WHERE rowid = (SELECT rowid FROM judgements WHERE rater = ? "
                "ORDER BY at DESC, rowid DESC LIMIT 1) RETURNING *",
                (rater,),
            ).fetchone()
        return Judgement(*row) if row else None

    def judgements(self, rater: str | None = None) -> list[Judgement]:
        """The last judgement of each rater on each comparison, the earliest first.

        Args:
            rater: only theirs; everybody's by default.
        """
        last = {(j.rater, j.comparison): j for j in self._history() if rater in (None, j.rater)}
        return sorted(last.values(), key=lambda judgement: judgement.at)

    def _history(self) -> list[Judgement]:
        with self._transaction() as connection:
            return [Judgement(*row) for row in connection.execute("SELECT * FROM judgements ORDER BY at, rowid")]

    def pending(self, rater: str) -> list[Comparison]:
        """Comparisons that a rater has not judged, in the order in which they were added."""
        judged = {judgement.comparison for judgement in self.judgements(rater)}
        return [comparison for comparison in self.comparisons() if comparison.id not in judged]

    def export_jsonl(self, path: str | Path) -> None:
        """Write everything to a file of JSON lines: the comparisons, then the judgements, replaced ones as well."""
        # Read in this order, since others may be adding: every judgement then has its comparison.
        judgements = [{"judgement": asdict(j)} for j in self._history()]
        rows = [{"comparison": asdict(c)} for c in self.comparisons()] + judgements
        paths.write_atomic(Path(path), "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def import_jsonl(self, path: str | Path) -> None:
        """Add what `export_jsonl` wrote; importing the same again changes nothing.

        Raises:
            ValueError: a line is damaged, which the message names, or as in `add`; nothing is imported then.
            FileNotFoundError: there is no such file.
        """
        comparisons, judgements = [], []
        for number, line in enumerate(Path(path).read_bytes().split(b"\n"), start=1):
            if not line.strip():
                continue
            try:
                ((kind, content),) = json.loads(line).items()
                if kind == "comparison":
                    comparisons.append(_comparison(content))
                else:
                    judgements.append(Judgement(**content))
            except (ValueError, TypeError, LookupError, AttributeError) as cause:
                raise ValueError(
                    f"Line {number} of {str(path)!r} is damaged ({cause}), and nothing was imported: mend or delete it."
                ) from cause
        self.add(comparisons, judgements)


def _comparison(content: Mapping[str, Any]) -> Comparison:
    tuples = {name: tuple(content[name]) for name in ("answers", "sources", "messages")}
    return Comparison(**{**content, **tuples, "passages": tuple(Passage(**p) for p in content["passages"])})


def _insert_judgement(connection: sqlite3.Connection, judgement: Judgement) -> None:
    if not connection.execute("SELECT 1 FROM comparisons WHERE id = ?", (judgement.comparison,)).fetchone():
        raise ValueError(f"The store has no comparison {judgement.comparison!r}: add it before it is judged.")
    _insert(connection, "judgements", asdict(judgement), "rater", "at", "comparison")


def _insert(connection: sqlite3.Connection, table: str, row: Mapping[str, Any], *key: str) -> None:
    """Insert a row unless the same is there; a ValueError where another has its key."""
    marks, where = ", ".join(f":{name}" for name in row), " AND ".join(f"{name} = :{name}" for name in key)
    if connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row).rowcount:
        return
    if tuple(row.values()) != connection.execute(f"SELECT * FROM {table} WHERE {where}", row).fetchone():
        own = {name: row[name] for name in key}
        raise ValueError(f"The store holds something else under {own}: give what is new a name of its own.")
