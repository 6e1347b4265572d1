"""The widgets in which a person decides, clicked and typed into in JupyterLab in a real browser."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from small import PAPERS
from test_jupyterlab import page, run_to_widget  # noqa: F401 (page is a fixture)

from labkit import corpus, feedback, questions
from labkit.corpus import Span
from labkit.prompts import Passage

pytestmark = pytest.mark.browser

KEYS = "type a key here"
RATING = """
import os
from pathlib import Path
from labkit import feedback, widgets
Path("kernel.pid").write_text(str(os.getpid()))
widgets.Rating(feedback.Store("judged.sqlite"), "ann")
"""
# Which threads of the kernel handle what is typed and what is clicked.
THREADS = """
import threading
from pathlib import Path
import ipywidgets
text = ipywidgets.Textarea(continuous_update=False, placeholder="type a key here")
button = ipywidgets.Button(description="Go")
seen, said = set(), ipywidgets.HTML()
def note(button):
    seen.add(threading.get_ident())
    text.value += "."
    said.value = f"threads: {len(seen)}"
text.observe(lambda change: seen.add(threading.get_ident()), names="value")
button.on_click(note)
ipywidgets.VBox([text, button, said])
"""
REVIEW = """
from labkit import corpus, widgets
widgets.QuestionReview("written.jsonl", corpus.load_folder("papers").documents)
"""


@pytest.fixture
def opened(page: Any, lab: Any) -> Iterator[Any]:  # noqa: F811
    """Runs a notebook of one cell; the page with its widget."""
    path = lab.folder / "judging.ipynb"

    def opened(source: str) -> Any:
        run_to_widget(page, lab, [source], path)
        page.get_by_placeholder(KEYS).wait_for()
        return page

    yield opened
    path.unlink()


@pytest.fixture
def store(lab: Any) -> Iterator[feedback.Store]:
    """A store with four comparisons, where the kernel finds it."""
    path = lab.folder / "judged.sqlite"
    made = feedback.Store(path)
    passages = tuple(Passage(paper.title, paper.text * 9) for paper in PAPERS)
    made.add(
        feedback.Comparison(f"c{i}", f"How long is term {i}?", passages, (f"{i} years [1]", f"{i + 9} long years [2]"))
        for i in range(4)
    )
    yield made
    for file in lab.folder.glob("judged.sqlite*"):
        file.unlink()


def said(page: Any, text: str) -> None:  # noqa: F811
    """Wait until the widget says something."""
    page.locator(".widget-html-content", has_text=text).first.wait_for()


def focus(page: Any) -> str:  # noqa: F811
    """What the keyboard types into or presses: the placeholder or the label of the control."""
    return page.evaluate("document.activeElement.placeholder || document.activeElement.innerText")


def tab_to(page: Any, name: str, key: str = "Tab") -> None:  # noqa: F811
    """Go on by keyboard until a control has the focus."""
    for _ in range(60):
        if focus(page).startswith(name):
            return
        page.keyboard.press(key)
    pytest.fail(f"{name} cannot be reached with {key}.")


def test_typed_text_and_clicks_are_handled_in_their_order_by_one_thread(opened: Any):
    """ipykernel 7.4.0 hands them to two, so that a click may overtake the text typed before it, which is then lost."""
    page = opened(THREADS)  # noqa: F811
    typed = page.locator(".widget-textarea textarea")
    for turn in (1, 2, 3):
        typed.press("Control+End")
        typed.type("x")
        page.get_by_role("button", name="Go").click()
        # What is typed before the kernel's own change has arrived is replaced by it, whatever the order.
        expect(typed).to_have_value("x." * turn, timeout=60_000)
    said(page, "threads: 1")


def test_clicks_become_rows_and_rows_become_pairs(opened: Any, store: feedback.Store, pictures: Path):
    page = opened(RATING)  # noqa: F811
    page.get_by_role("button", name="Left is better").click()
    said(page, "1 of 4 judged.")
    first = store.judgements("ann")
    assert [j.chose_left for j in first] == [True]
    page.screenshot(path=str(pictures / "widget_rating.png"))
    page.get_by_role("button", name="Tie").click()
    said(page, "2 of 4 judged.")
    page.get_by_role("button", name="Edit right").click()
    said(page, "Shift+Tab")
    own = page.locator(".widget-textarea textarea")
    own.press("End")
    own.type(" in all")
    page.get_by_role("button", name="Right is better").click()
    said(page, "3 of 4 judged.")
    page.get_by_role("button", name="Undo").click()
    said(page, "2 of 4 judged. Undone.")
    expect(own).to_have_value(re.compile(" in all$"))  # it comes in a message of its own
    page.get_by_role("button", name="Both bad").click()
    said(page, "3 of 4 judged.")
    page.get_by_role("button", name="Left is better").click()
    said(page, "None is left.")
    said(page, "4 of 4 judged.")
    page.screenshot(path=str(pictures / "widget_rating_done.png"))
    judged = store.judgements()
    assert [j.comparison for j in judged] == ["c0", "c1", "c2", "c3"] and judged[0] == first[0]
    assert judged[2].verdict == "both_bad" and (judged[2].edited or "").endswith(" in all")
    pairs = feedback.preferences(store.comparisons(), judged)
    chosen = [pair.chosen for pair in pairs]
    answers = {c.id: c.answers for c in store.comparisons()}
    assert answers["c0"][judged[0].left] in chosen and judged[2].edited in chosen
    assert not any(pair.chosen in answers["c1"] for pair in pairs)


def test_the_keyboard_alone_judges_undoes_and_judges_again(opened: Any, store: feedback.Store):
    page = opened(RATING)  # noqa: F811
    tab_to(page, KEYS)
    page.keyboard.press("1")
    said(page, "1 of 4 judged.")
    page.keyboard.press("u")
    said(page, "0 of 4 judged. Undone.")
    page.keyboard.press("2")
    said(page, "1 of 4 judged.")
    page.keyboard.press("q")
    said(page, "The keys are 1, 2, t, b, e, r, u.")
    # Buttons too, with the focus where it was.
    assert focus(page) == KEYS
    tab_to(page, "Tie")
    page.keyboard.press("Enter")
    said(page, "2 of 4 judged.")
    assert focus(page).startswith("Tie")
    tab_to(page, "Undo")
    page.keyboard.press("Space")
    said(page, "1 of 4 judged. Undone.")
    tab_to(page, KEYS, "Shift+Tab")
    page.keyboard.press("e")
    said(page, "Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Control+End")
    page.keyboard.type(" in all")
    page.keyboard.press("Tab")
    page.keyboard.press("b")
    said(page, "2 of 4 judged.")
    judged = store.judgements()
    assert [j.chose_left for j in judged] == [False, None]
    assert (judged[1].edited or "").endswith("years [1] in all") or (judged[1].edited or "").endswith("[2] in all")


def test_it_goes_on_after_the_kernel_was_killed_right_after_a_click(opened: Any, lab: Any, store: feedback.Store):
    page = opened(RATING)  # noqa: F811
    page.get_by_role("button", name="Left is better").click()
    said(page, "1 of 4 judged.")
    shown = page.locator(".widget-html-content").first.inner_text()
    os.kill(int((lab.folder / "kernel.pid").read_text()), signal.SIGKILL)
    assert [j.comparison for j in store.judgements()] == ["c0"]
    page = opened(RATING)
    said(page, "1 of 4 judged.")
    assert page.locator(".widget-html-content").first.inner_text() == shown and "term 1" in shown
    (lab.folder / "kernel.pid").unlink()


def test_written_questions_are_kept_edited_and_dropped(opened: Any, lab: Any, pictures: Path):
    papers = lab.folder / "papers"
    papers.mkdir()
    for paper in PAPERS:
        (papers / f"{paper.id}.txt").write_text(paper.text)
    whole = {d.id: Span(d.id, 0, len(d.text)) for d in corpus.load_folder(papers).documents}
    rows = [
        questions.WrittenQuestion("Where do the servers stand?", "Oslo", whole["hosting.txt"]),
        questions.WrittenQuestion("Who keeps the key?", "Ms Okoro", whole["lease.txt"]),
        questions.WrittenQuestion("When do invoices fall due?", "30 days", whole["supply.txt"]),
    ]
    path = questions.save(rows, lab.folder / "written.jsonl")
    page = opened(REVIEW)  # noqa: F811
    assert page.locator("mark").inner_text() == "Oslo"
    page.get_by_role("button", name="Keep").click()
    said(page, "1 of 3 checked.")
    assert [row.checked for row in questions.load(path)] == [True, False, False]
    # From here on by keyboard.
    tab_to(page, KEYS, "Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("The clerk")
    page.screenshot(path=str(pictures / "widget_questions.png"))
    page.keyboard.press("Tab")
    page.keyboard.press("k")
    said(page, "2 of 3 checked.")
    page.keyboard.press("d")
    said(page, "None is left.")
    checked = questions.load(path)
    assert [(row.answer, row.dropped) for row in checked] == [
        ("Oslo", None), ("The clerk", None), ("30 days", questions.BY_HAND),
    ]  # fmt: skip
