"""Every widget on a laptop's screen: nothing of it lies outside, and a picture of it is taken.

`make pictures` puts the pictures where INSTRUCTORS.md shows them.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from test_clicked_widgets import CELLS, GRAPH, SETUP
from test_jupyterlab import NOTEBOOKS, page, run_to_widget  # noqa: F401 (page is a fixture)

pytestmark = pytest.mark.browser

JUDGED = """
from pathlib import Path
from labkit import corpus, feedback, inspection, questions, widgets
from labkit.corpus import Span
from labkit.prompts import Passage
documents = {d.id: d for d in corpus.load_documents("dev")}
asked = [q for q in corpus.load_questions("dev", "lookup") if not q.followup][:3]
texts = [documents[q.evidence[0].document].quote(q.evidence[0]) for q in asked]
"""
RATING = """
store = feedback.Store("pictured.sqlite")
store.add(feedback.Comparison(q.id, q.question, (Passage("A contract", text),), (f"{q.answer} [1]", "I don't know."))
          for q, text in zip(asked, texts))
widgets.Rating(store, "you")
"""
REVIEW = """
rows = [questions.WrittenQuestion(q.question, q.answer, q.evidence[0]) for q in asked]
widgets.QuestionReview(questions.save(rows, Path("pictured.jsonl")), list(documents.values()))
"""
CALCULATOR = """
from labkit import roi, widgets
from labkit.stats import Interval
def arm(name, right, **rest):
    shares = {"right": right, "wrong": 0.9 - right, "refused": 0.1}
    return roi.Arm(name, **{k: Interval(v, v - 0.02, v + 0.02, 100, 20) for k, v in shares.items()}, **rest)
arms = [arm("RAG", 0.6, seconds=0.5, facts="index", index_seconds=60),
        arm("hosted RAG", 0.7, paid="tokens", prompt_tokens=6000, reply_tokens=50)]
widgets.Calculator(arms, roi.Assumptions(value=8, loss=10, person_minutes=10, per_day=50), roi.load_prices())
"""
VIEWER = "from labkit import inspection, paths\ninspection.document_viewer(paths.data() / 'files' / 'C049.pdf')"
WIDGETS = {name: ((GRAPH if name in ("graph", "matrix") else SETUP), source) for name, source in CELLS.items()} | {
    "rating": (JUDGED, RATING),
    "questions": (JUDGED, REVIEW),
    "calculator": ("import labkit", CALCULATOR),
    "viewer": ("import labkit", VIEWER),
}
# Those of a picture, at most: the repository stays small.
WIDTH, KILOBYTES = 640, 25
# How far to the right something of the widget reaches beyond its place, in pixels; what scrolls by itself aside.
OUTSIDE = """box => {
    const edge = box.closest('.jp-OutputArea-output').getBoundingClientRect().right;
    const scrolls = e => e && e !== box
        && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
    const rights = [...box.querySelectorAll('*')].filter(e => !scrolls(e.parentElement))
        .map(e => e.getBoundingClientRect().right);
    return Math.max(0, ...rights) - edge;
}"""


def small(picture: bytes) -> bytes:
    """A screenshot as a PNG of few colours, cut below until it has the kilobytes that a picture may have."""
    image: Any = Image.open(io.BytesIO(picture)).convert("RGB")
    image = image.resize((WIDTH, image.height * WIDTH // image.width), Image.Resampling.LANCZOS)
    for sixteenths in range(9, 3, -1):
        cut = image.crop((0, 0, WIDTH, min(image.height, WIDTH * sixteenths // 16)))
        for colours in (32, 16, 8):
            buffer = io.BytesIO()
            cut.quantize(colours, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
            if buffer.tell() <= KILOBYTES * 1000:
                return buffer.getvalue()
    raise ValueError(f"The picture does not fit into {KILOBYTES} kB.")


@pytest.mark.parametrize("name", WIDGETS)
def test_a_widget_fits_a_laptops_screen(name: str, page: Any, lab: Any, pictures: Path):  # noqa: F811
    path = lab.folder / f"every_{name}.ipynb"
    widget = run_to_widget(page, lab, WIDGETS[name], path)
    widget.scroll_into_view_if_needed()
    assert widget.evaluate(OUTSIDE) <= 1
    (pictures / f"{name}.png").write_bytes(small(widget.screenshot()))
    for file in (path, *lab.folder.glob("pictured.*")):
        file.unlink()


def test_the_pictures_are_small_and_shown_with_a_description():
    images = NOTEBOOKS / "images"
    sizes = [(images / f"{name}.png").stat().st_size for name in WIDGETS]
    assert max(sizes) <= KILOBYTES * 1000
    guide = (NOTEBOOKS / "INSTRUCTORS.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[(.{20,})\]\(images/(\w+)\.png\)", guide)
    assert sorted(name for _, name in shown) == sorted(WIDGETS)
