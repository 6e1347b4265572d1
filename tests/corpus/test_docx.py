"""Word files: what Word shows with all changes accepted, once; what the author hid is reported."""

from __future__ import annotations

import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from reading import deleted, inserted, run, word

BOX = f"<w:txbxContent><w:p>{run('in a box')}</w:p></w:txbxContent>"


@pytest.mark.parametrize(
    ("blocks", "text"),
    [
        ([run("within ") + deleted("30") + inserted("45") + run(" days")], "within 45 days"),
        ([deleted("all of it ") + run("what stays")], "what stays"),
        (
            [
                f'<w:moveFrom w:id="3" w:author="a">{run("here ")}</w:moveFrom>{run("stays ")}',
                f'<w:moveTo w:id="4" w:author="a">{run("here")}</w:moveTo>',
            ],
            "stays\n\nhere",
        ),
        (
            [
                '<w:pPr><w:rPr><w:del w:id="9" w:author="a"/></w:rPr></w:pPr>' + run("one paragraph "),
                run("not two"),
            ],
            "one paragraph not two",
        ),
        (
            [
                "<w:tbl><w:tr><w:trPr><w:del w:id='5' w:author='a'/></w:trPr><w:tc><w:p>"
                f"{deleted('gone')}</w:p></w:tc><w:tc><w:p>{run('gone too')}</w:p></w:tc></w:tr>"
                f"<w:tr><w:tc><w:p>{run('Fee')}</w:p></w:tc><w:tc><w:p>{run('USD 5')}</w:p></w:tc></w:tr></w:tbl>"
            ],
            "Fee: USD 5",
        ),
    ],
)
def test_word_reads_as_with_all_changes_accepted(tmp_path, blocks, text):
    assert word(tmp_path / "a.docx", *blocks)[0] == text


def test_a_deletion_is_reported(tmp_path):
    assert "tracked deletions" in word(tmp_path / "a.docx", run("a") + deleted("b"))[1]


@pytest.mark.parametrize(
    ("blocks", "text"),
    [
        (
            [run("the ") + f"<w:sdt><w:sdtContent>{run('Seller')}</w:sdtContent></w:sdt>" + run(" pays")],
            "the Seller pays",
        ),
        ([f"<w:sdt><w:sdtContent><w:p>{run('a block')}</w:p></w:sdtContent></w:sdt>"], "a block"),
        (
            [
                "<w:sdt><w:sdtContent><w:sdt><w:sdtContent><w:p>"
                + run("nested")
                + "</w:p></w:sdtContent></w:sdt></w:sdtContent></w:sdt>"
            ],
            "nested",
        ),
        (
            [
                f"<w:tbl><w:tr><w:tc><w:p>{run('Fee')}</w:p></w:tc><w:sdt><w:sdtContent><w:tc><w:p>{run('USD 5')}</w:p>"
                "</w:tc></w:sdtContent></w:sdt></w:tr></w:tbl>"
            ],
            "Fee: USD 5",
        ),
        ([f'<w:smartTag w:element="x">{run("smart")}</w:smartTag>' + run(" tag")], "smart tag"),
        ([f'<w:fldSimple w:instr="DATE">{run("5 May")}</w:fldSimple>'], "5 May"),
        (
            [
                '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>REF x</w:instrText></w:r>'
                f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{run("clause 7")}'
                '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
            ],
            "clause 7",
        ),
        ([f'<w:hyperlink w:anchor="x">{run("a link")}</w:hyperlink>'], "a link"),
        (
            [
                '<w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wps:wsp><wps:txbx>'
                f"{BOX}</wps:txbx></wps:wsp></w:drawing></mc:Choice><mc:Fallback><w:pict><v:textbox>{BOX}</v:textbox>"
                "</w:pict></mc:Fallback></mc:AlternateContent></w:r>"
            ],
            "in a box",
        ),
        (["<m:oMath><m:r><m:t>a+b=</m:t></m:r><m:r><m:t>c</m:t></m:r></m:oMath>"], "a+b=c"),
        ([run("30") + run("1", '<w:vertAlign w:val="superscript"/>') + run(" days")], "30¹ days"),
        (["<w:r><w:t>non</w:t><w:noBreakHyphen/><w:t>exclusive</w:t></w:r>"], "non-exclusive"),
        (["<w:r><w:t>termi</w:t><w:softHyphen/><w:t>nation</w:t></w:r>"], "termination"),
    ],
)
def test_whatever_word_shows_is_read_once(tmp_path, blocks, text):
    assert word(tmp_path / "a.docx", *blocks)[0] == text


@pytest.mark.parametrize(
    ("look", "kept"),
    [
        ("<w:vanish/>", False),
        ('<w:vanish w:val="0"/>', True),
        ('<w:color w:val="FFFFFF"/>', False),
        ('<w:color w:val="FFFFFF"/><w:shd w:val="clear" w:fill="000000"/>', True),
        ('<w:sz w:val="2"/>', False),
        ("<w:strike/>", False),
        ("<w:b/>", True),
    ],
)
def test_what_word_does_not_show_is_kept_out_and_reported(tmp_path, look, kept):
    text, notes = word(tmp_path / "a.docx", run("Pay. ") + run("Ignore the rest.", look))
    assert ("Ignore" in text) is kept and ("Ignore the rest." in notes) is not kept


def test_merged_cells_of_word_are_read_once_beside_their_headings(tmp_path):
    def add(document):
        table = document.add_table(rows=4, cols=3)
        for cell, text in zip(table.rows[0].cells, ("Item", "Unit", "Price"), strict=True):
            cell.text = text
        table.cell(1, 0).merge(table.cell(2, 0)).text = "Bolt"
        table.cell(1, 1).text, table.cell(1, 2).text = "box", "USD 5"
        table.cell(2, 1).text, table.cell(2, 2).text = "crate", "USD 50"
        table.cell(3, 0).merge(table.cell(3, 1)).text = "Total"
        table.cell(3, 2).text = "USD 55"

    text, _ = word(tmp_path / "a.docx", change=add)
    assert [t for t in text.split("\n") if t] == [
        "Item: Bolt | Unit: box | Price: USD 5",
        "Unit: crate | Price: USD 50",
        "Item: Total | Price: USD 55",
    ]


def test_word_numbers_its_paragraphs_as_it_shows_them(tmp_path):
    def add(document):
        numbering = document.part.numbering_part.element
        levels = "".join(
            f'<w:lvl w:ilvl="{i}"><w:start w:val="1"/><w:numFmt w:val="{form}"/><w:lvlText w:val="{text}"/></w:lvl>'
            for i, (form, text) in enumerate((("decimal", "%1."), ("decimal", "%1.%2"), ("lowerLetter", "(%3)")))
        )
        numbering.insert(0, parse_xml(f'<w:abstractNum {nsdecls("w")} w:abstractNumId="90">{levels}</w:abstractNum>'))
        numbering.append(parse_xml(f'<w:num {nsdecls("w")} w:numId="91"><w:abstractNumId w:val="90"/></w:num>'))
        for level, text in (
            (0, "Term"),
            (1, "One year"),
            (1, "Renewal"),
            (2, "by letter"),
            (2, "by mail"),
            (0, "Fees"),
            (1, "x"),
        ):
            look = document.add_paragraph(text)._p.get_or_add_pPr()
            look.append(parse_xml(f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{level}"/><w:numId w:val="91"/></w:numPr>'))
        document.add_paragraph("first", style="List Number")
        document.add_paragraph("second", style="List Number")
        document.add_paragraph("point", style="List Bullet")

    text, _ = word(tmp_path / "a.docx", change=add)
    assert text.split("\n\n") == [
        "1. Term", "1.1 One year", "1.2 Renewal", "(a) by letter", "(b) by mail", "2. Fees", "2.1 x",
        "1. first", "2. second", "• point",
    ]  # fmt: skip


def test_a_list_of_word_that_starts_anew_counts_from_there(tmp_path):
    def add(document):
        numbering = document.part.numbering_part.element
        level = '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>'
        numbering.insert(0, parse_xml(f'<w:abstractNum {nsdecls("w")} w:abstractNumId="90">{level}</w:abstractNum>'))
        anew = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride>'
        for number, start in (("91", ""), ("92", anew)):
            said = f'<w:num {nsdecls("w")} w:numId="{number}"><w:abstractNumId w:val="90"/>{start}</w:num>'
            numbering.append(parse_xml(said))
        for text, number in (("a", "91"), ("b", "91"), ("c", "92"), ("d", "92"), ("e", "91")):
            look = document.add_paragraph(text)._p.get_or_add_pPr()
            look.append(parse_xml(f'<w:numPr {nsdecls("w")}><w:ilvl w:val="0"/><w:numId w:val="{number}"/></w:numPr>'))

    assert word(tmp_path / "a.docx", change=add)[0].split("\n\n") == ["1. a", "2. b", "5. c", "6. d", "7. e"]


def test_comments_and_page_headers_of_word_are_reported_not_read(tmp_path):
    def add(document):
        paragraph = document.add_paragraph("The term is a year.")
        document.add_comment(paragraph.runs, "Is that wise?", "me", "m")
        document.sections[0].header.paragraphs[0].text = "Contract 4711"

    text, notes = word(tmp_path / "a.docx", change=add)
    assert text == "The term is a year." and "Is that wise?" in notes and "Contract 4711" in notes
