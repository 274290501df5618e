"""GLUE's tab-separated files, with all that real ones hold, and what is refused with its line."""

import pytest

from minibert.errors import DataError
from minibert.tasks.tsv import read_lines, read_tsv


@pytest.fixture
def file(tmp_path):
    """A function that writes bytes to a file and returns its path."""

    def write(content):
        path = tmp_path / "train.tsv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def cells(path, *columns):
    return [line.cells for line in read_tsv(path, columns)]


def refusal(path, *columns):
    with pytest.raises(DataError) as error:
        list(read_tsv(path, columns or ("text", "label")))
    return str(error.value)


def test_columns_are_taken_by_name_in_the_order_asked_for(file):
    path = file("index\tlabel\ttext\n0\t1\tgood\n1\t0\tbad\n")

    assert cells(path, "text", "label") == [["good", "1"], ["bad", "0"]]


def test_every_row_knows_its_file_and_line(file):
    path = file("text\tlabel\ngood\t1\nbad\t0\n")

    assert [line.where for line in read_tsv(path, ["text"])] == [
        f"{path}, line 2",
        f"{path}, line 3",
    ]


def test_a_byte_order_mark_is_no_part_of_the_header(file):
    assert cells(file(b"\xef\xbb\xbftext\tlabel\ngood\t1\n"), "text") == [["good"]]


@pytest.mark.parametrize("text", ['"Oh', 'said "no"', '"', '""', "it's", '"a, b"'])
def test_quotation_marks_are_ordinary_characters(file, text):
    path = file(f"text\tlabel\n{text}\t1\nnext\t0\n")

    assert cells(path, "text", "label") == [[text, "1"], ["next", "0"]]


def test_windows_line_ends(file):
    path = file("text\tlabel\r\ngood\t1\r\nbad\t0\r\n")

    assert cells(path, "text", "label") == [["good", "1"], ["bad", "0"]]


@pytest.mark.parametrize(
    "character", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r"], ids=ascii
)
def test_only_newlines_end_a_line(file, character):
    path = file(f"text\tlabel\none{character}two\t1\n")

    assert cells(path, "text", "label") == [[f"one{character}two", "1"]]


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n\r\n", "\n\n\n"], ids=ascii)
def test_blank_lines_at_the_end_are_no_rows(file, end):
    assert cells(file("text\tlabel\ngood\t1" + end), "text") == [["good"]]
    assert read_lines(file("text\ngood" + end)) == ["text", "good"]


def test_an_empty_last_cell_is_a_cell(file):
    assert cells(file("label\ttext\n1\tgood\n0\t\n"), "text") == [["good"], [""]]


def test_a_header_alone_has_no_rows(file):
    assert cells(file("text\tlabel\n"), "text") == []


def test_a_missing_file(tmp_path):
    path = tmp_path / "train.tsv"

    assert refusal(path) == f"{path}: no such file"


def test_a_folder_in_the_place_of_the_file(tmp_path):
    assert refusal(tmp_path).startswith(f"{tmp_path}: cannot be read (")


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b" \t \n"])
def test_an_empty_file(file, content):
    path = file(content)

    assert refusal(path) == f"{path}: the file is empty"


@pytest.mark.parametrize(
    ("content", "line", "byte"),
    [
        (b"text\tlabel\ngood\t1\ncaf\xe9\t0\n", 3, "0xe9"),
        (b"t\xe9xt\tlabel\n", 1, "0xe9"),
        ("text\tlabel\n".encode("utf-16"), 1, "0xff"),
        (b"text\tlabel\r\ngood\t1\r\nb\xc3", 3, "0xc3"),
    ],
    ids=["latin-1", "header", "utf-16", "cut short"],
)
def test_bytes_that_are_not_utf_8_are_named_with_their_line(file, content, line, byte):
    path = file(content)

    assert refusal(path) == (
        f"{path}, line {line}: byte {byte} is not UTF-8; save the file as UTF-8"
    )


@pytest.mark.parametrize(("row", "count"), [("good", 1), ("go\tod\t1", 3), ("", 1)])
def test_a_row_with_another_number_of_columns_is_named_with_its_line(file, row, count):
    path = file(f"text\tlabel\nfine\t1\n{row}\nfine\t1\n")

    assert refusal(path) == f"{path}, line 3: {count} columns where the header has 2"


def test_a_missing_column_is_named_with_the_header_that_is_there(file):
    path = file("sentence\tlabel\ngood\t1\n")

    assert refusal(path, "text", "score", "label") == (
        f"{path}, line 1: no column 'text', 'score'; the header has 'sentence', 'label'"
    )
