"""What the chapters show of the library is the library's own text."""

import ast
import inspect

import pytest

from minibert.course import show
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


def test_chapters_are_numbered_in_order():
    assert [chapter.number for chapter in CHAPTERS] == [f"{n:02}" for n in range(12)]
    assert chapter_of(3) is chapter_of("3") is chapter_of("03") is CHAPTERS[3]
    with pytest.raises(MinibertError, match="no chapter 12"):
        chapter_of(12)


def test_a_chapter_begins_with_what_it_takes(capsys):
    start("03")
    assert capsys.readouterr().out == (
        "chapter 3, Attention with a pencil: about 40 minutes to read, 10 seconds to compute\n"
    )
