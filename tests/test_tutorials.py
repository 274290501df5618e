"""The chapters: scripts and notebooks agree, and their prose says no number that nothing shows.

That the outputs are still what the cells put out is checked by `make tutorials`, which runs them.
"""

import re
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

from minibert.course.syllabus import CHAPTERS

TUTORIALS = Path(__file__).parent.parent / "tutorials"
sys.path.insert(0, str(TUTORIALS))
import build  # noqa: E402

SCRIPTS = build.sources([])
SOURCES = tomllib.loads((TUTORIALS / "sources.toml").read_text(encoding="utf-8"))

# What is no prose: code blocks and spans, formulas, the targets of links, addresses.
NO_PROSE = re.compile(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)|<[^>]*>", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])\d+(?:[ ,]\d{3})*(?:\.\d+)?")
# Numbers of chapters, list items, and headings are names, not claims.
NAMES = re.compile(r"[Cc]hapters? \d+(?:(?:,| and| to|,) \d+)*|^ *\d+\. |^#+ .*$", re.MULTILINE)


def built(script):
    return nbformat.read(script.with_suffix(".ipynb"), as_version=4)


def prose(notebook):
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [NAMES.sub(" ", NO_PROSE.sub(" ", cell)) for cell in cells]


def numbers(text):
    return {re.sub("[ ,]", "", found) for found in NUMBER.findall(text)}


def test_every_chapter_is_there():
    assert [script.stem for script in SCRIPTS] == [chapter.stem for chapter in CHAPTERS]


@pytest.fixture(params=SCRIPTS, ids=lambda script: script.stem)
def script(request):
    return request.param


def test_the_notebook_has_the_scripts_cells(script):
    source, notebook = build.read(script), built(script)
    assert [
        (cell.cell_type, cell.source, cell.metadata.get("tags")) for cell in notebook.cells
    ] == [(cell.cell_type, cell.source, cell.metadata.get("tags")) for cell in source.cells]


def test_every_cell_was_run_in_order_and_none_failed(script):
    cells = [cell for cell in built(script).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [out for cell in cells for out in cell.outputs if out.output_type == "error"]
    shown = "\n".join(build.text(cell) for cell in cells)
    assert "object at 0x" not in shown, "a cell shows an address: it is another one every time"
    assert "<Axes" not in shown, "end a cell that draws with pyplot.show()"
    assert "/site-packages/" not in shown, "a warning, or a path of this machine"


def test_numbers_of_the_prose_are_in_the_outputs(script):
    notebook = built(script)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = numbers("\n".join(build.text(cell) for cell in code))
    sourced = {re.sub("[ ,]", "", number) for number in SOURCES.get(script.stem[:2], {})}
    missing = set().union(*map(numbers, prose(notebook))) - shown - sourced
    assert not missing, f"neither an output nor sources.toml has {sorted(missing)}"


def test_every_link_leads_somewhere(script):
    for cell in built(script).cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)#]+)[^)]*\)", cell.source):
                assert target.startswith("https://") or (TUTORIALS / target).exists(), target


def test_no_chapter_is_without_a_picture(script):
    assert any("(a picture)" in build.text(cell) for cell in built(script).cells)


def test_a_number_that_nothing_shows_is_found():
    cell = nbformat.v4.new_markdown_cell("It has 12 heads, `13` in code, $14$ and 3 000 tokens.")
    assert numbers(prose(nbformat.v4.new_notebook(cells=[cell]))[0]) == {"12", "3000"}
