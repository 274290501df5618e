"""What the chapters show of the library is the library's own text."""

import ast
import inspect
import sys
from pathlib import Path

import pytest

from minibert.course import listing, show
from minibert.course.syllabus import CHAPTERS, chapter_of, start
from minibert.errors import MinibertError
from minibert.model import BertModel, functional


def test_a_function_is_shown_as_it_stands_in_its_file():
    shown = show(functional.masked_softmax)
    assert shown.text == inspect.getsource(functional.masked_softmax).rstrip()
    assert shown._repr_markdown_().startswith("[`minibert/model/functional.py`](../minibert/model/")
    assert "```python\ndef masked_softmax" in shown._repr_markdown_()


def test_a_method_is_shown_without_the_indentation_of_its_class():
    shown = show(BertModel.forward).text
    assert shown.startswith("def forward(\n    self,\n")
    assert ast.parse(shown).body[0].name == "forward"


def before(number):
    """The first version."""
    doubled = 2 * number
    return doubled


def after(number):
    """The second version, which says more about itself,
    in two lines."""
    doubled = 2 * number
    return doubled + 1


def test_what_has_changed_is_marked_and_docstrings_are_left_out(monkeypatch):
    monkeypatch.setattr(listing, "ROOT", Path(__file__).parent)
    shown = show(after, since=before)
    assert shown.text.splitlines() == [
        "-def before(number):",
        "+def after(number):",
        "     doubled = 2 * number",
        "-    return doubled",
        "+    return doubled + 1",
    ]
    assert shown._repr_markdown_() == (
        f"[`test_listing.py`](../test_listing.py):\n```diff\n{shown.text}\n```"
    )


def bare(number):
    return number


def test_without_a_docstring_nothing_is_left_out(monkeypatch):
    monkeypatch.setattr(listing, "ROOT", Path(__file__).parent)
    assert "+    return number" in show(bare, since=before).text.splitlines()


def test_a_function_is_shown_by_its_name_without_its_module_being_imported(monkeypatch):
    module = "minibert.kernels.triton_attention"
    monkeypatch.setitem(sys.modules, "triton", None)  # importing it would fail
    monkeypatch.delitem(sys.modules, module, raising=False)
    shown = show(f"{module}.forward_kernel")
    assert shown.text.startswith("@triton.jit(do_not_specialize=VARYING)\ndef forward_kernel(\n")
    assert shown.text.endswith("tl.store(log_sum_exp + rows + row, normaliser, mask=row < room)")
    assert module not in sys.modules


def test_chapters_are_numbered_in_order():
    assert [chapter.number for chapter in CHAPTERS] == [f"{n:02}" for n in range(13)]
    assert chapter_of(3) is chapter_of("3") is chapter_of("03") is CHAPTERS[3]
    with pytest.raises(MinibertError, match="no chapter 13"):
        chapter_of(13)


def test_a_chapter_begins_with_what_it_takes(capsys):
    start("03")
    assert capsys.readouterr().out == (
        "chapter 3, Attention with a pencil: about 40 minutes to read, 10 seconds to compute\n"
    )
