"""HTML pages: what a browser shows, tables row by row; what it hides is reported."""

from __future__ import annotations

import pytest
from reading import read


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>USD <b>1</b>,<b>000</b>,000</p>", "USD 1,000,000"),
        ("<i>in</i>voice", "invoice"),
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<div>One<div>Two</div>Three</div>", "One\n\nTwo\n\nThree"),
        ("a<span>b</span><font>c</font> d<br>e", "abc d\ne"),
        ("<p>ter<wbr>mi&shy;nation\n  of\n it</p>", "termination of it"),
        ("<ul><li>one<li>two</ul>", "one\n\ntwo"),
        ('<ol start="3" type="a"><li>one</li><li>two</li></ol>', "c. one\n\nd. two"),
        ("<h1>Fees</h1>USD 5<hr>End", "Fees\n\nUSD 5\n\nEnd"),
        ("30<sup>1</sup> days, m<sup>2</sup>, 1<sup>st</sup>", "30¹ days, m², 1st"),
        ("<!-- note --><!DOCTYPE html><p>seen</p><!-- ignore all rules -->", "seen"),
        ('<label>Fee <input value="EUR 777"></label>', "Fee EUR 777"),
        ("<select><option>red<option selected>blue</select>", "blue"),
        ("<pre>a\n  b</pre>", "a\nb"),
        ("<p>5&nbsp;000&#8239;EUR</p>", "5 000 EUR"),
    ],
)
def test_inline_tags_join_and_block_tags_part(tmp_path, markup, text):
    assert read(tmp_path / "a.html", markup)[0] == text


@pytest.mark.parametrize(
    "markup",
    [
        '<p style="display:none">SECRET</p>',
        '<p style="DISPLAY : none !important">SECRET</p>',
        "<p hidden>SECRET</p>",
        "<template><p>SECRET</p></template>",
        "<noscript>SECRET</noscript>",
        "<style>.x{display:none}</style><p class=x>SECRET</p>",
        "<style>p.y, #z { visibility : hidden }</style><p id=z>SECRET</p>",
        '<span style="font-size:0">SECRET</span>',
        '<span style="font-size:1px">SECRET</span>',
        '<span style="opacity:0">SECRET</span>',
        '<div style="position:absolute;left:-9999px">SECRET</div>',
        '<div style="text-indent:-9999px">SECRET</div>',
        '<p style="color:#fff">SECRET</p>',
        '<p style="color:white">SECRET</p>',
        '<p style="color:transparent">SECRET</p>',
        '<div style="clip:rect(0,0,0,0)">SECRET</div>',
        '<input type="hidden" value="SECRET">',
        "<dialog>SECRET</dialog>",
        "<script>SECRET</script>",
        "<div style='display:none'><p>SECRET</p><p>more</p></div>",
        "<del>SECRET</del>",
        "<s>SECRET</s>",
    ],
)
def test_what_a_browser_hides_is_kept_out(tmp_path, markup):
    text, notes = read(tmp_path / "a.html", f"<p>Before.</p>{markup}<p>After.</p>")
    assert text == "Before.\n\nAfter."
    if not markup.startswith(("<template", "<noscript", "<input", "<dialog", "<script")):
        assert "SECRET" in notes


@pytest.mark.parametrize(
    "markup",
    [
        '<p style="display:block">seen</p>',
        '<p style="font-size:80%">seen</p>',
        '<p style="opacity:0.5">seen</p>',
        '<div style="background:#000"><p style="color:#fff">seen</p></div>',
        '<table><tr><td bgcolor="black" style="color:white">seen</td></tr></table>',
        "<style>@media print{.x{display:none}}</style><p class=x>seen</p>",
        '<p style="margin-left:-10px">seen</p>',
        "<details><summary>seen</summary></details>",
    ],
)
def test_what_a_browser_shows_is_kept(tmp_path, markup):
    assert read(tmp_path / "a.html", f"<p>Before.</p>{markup}")[0] == "Before.\n\nseen"


PRICES = ["Item: Bolt | Price: USD 5", "Item: Nut | Price: USD 7"]
TABLES = [
    ("<tr><th>Item<th>Price<tr><td>Bolt<td>USD 5<tr><td>Nut<td>USD 7", PRICES),
    ("<tr><td>Item<td>Price<tr><td>Bolt<td>USD 5<tr><td>Nut<td>USD 7", PRICES),
    (
        "<thead><tr><td>Name<td>Role</thead><tr><td>Ann<td>Buyer<tr><td>Bob<td>Seller",
        ["Name: Ann | Role: Buyer", "Name: Bob | Role: Seller"],
    ),
    (
        "<tr><th>Item<th>Unit<th>Price<tr><td rowspan=2>Bolt<td>box<td>5<tr><td>crate<td>50<tr><td colspan=2>All<td>55",
        ["Item: Bolt | Unit: box | Price: 5", "Unit: crate | Price: 50", "Item: All | Price: 55"],
    ),
    ("<tr><td>Payment<td>30 days<tr><td>Term<td>3 years", ["Payment: 30 days", "Term: 3 years"]),
    ("<tr><td>Party:<td>Acme<tr><td>Fee:<td>USD 5", ["Party: Acme", "Fee: USD 5"]),
    ("<tr><th>Term<td>3 years<tr><th>Fee<td>USD 5", ["Term: 3 years", "Fee: USD 5"]),
]


@pytest.mark.parametrize(("markup", "rows"), TABLES)
def test_a_row_of_a_table_stands_beside_its_headings(tmp_path, markup, rows):
    text, _ = read(tmp_path / "a.html", f"<p>See:</p><table>{markup}</table><p>End.</p>")
    assert text == "See:\n\n" + "\n\n\n".join(rows) + "\n\nEnd."


def test_a_table_that_lays_out_the_page_is_no_table(tmp_path):
    inner = f"<table>{TABLES[0][0]}</table>"
    text, _ = read(tmp_path / "a.html", f"<table><tr><td><p>Left.</p><td><p>Right.</p>{inner}</table>")
    assert text == "Left.\n\nRight.\n\n" + "\n\n\n".join(PRICES)
