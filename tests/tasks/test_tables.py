"""Tables as people export them: CSV, TSV, JSONL, Parquet; and what is refused with its line."""

import json

import pyarrow
import pytest
from pyarrow import parquet

from minibert.errors import DataError
from minibert.tasks.tables import read_table


@pytest.fixture
def file(tmp_path):
    """A function that writes a file of this name and returns its path."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def cells(path, *columns):
    return [line.cells for line in read_table(path, columns or ("text", "label"))]


def refusal(path, *columns):
    with pytest.raises(DataError) as error:
        cells(path, *columns)
    return str(error.value)


class TestCsv:
    def test_quoted_cells_hold_anything(self, file):
        path = file("a.csv", 'label,text\n1,"He said ""no"", and\nleft."\n0,plain\n')

        lines = list(read_table(path, ["text", "label"]))

        assert [line.cells for line in lines] == [
            ['He said "no", and\nleft.', "1"],
            ["plain", "0"],
        ]
        assert [line.where for line in lines] == [f"{path}, line 2", f"{path}, line 4"]

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.csv", "text,label\r\na;b,1\r\n"),
            ("a.csv", "\ufefftext;label\na;1\n"),
            ("a.csv", "text;label\n'a, b, c';1\n"),
            ("a.csv", "text\tlabel\na, b\t1\n"),
            ("a.tsv", "text\tlabel\na, b; c\t1\n\n\n"),
            ("a.tsv", 'text\tlabel\n"a\tb"\t1'),
        ],
    )
    def test_separators_line_ends_and_marks(self, file, name, content):
        (row,) = cells(file(name, content))

        assert row[0].startswith(("a", "'a"))
        assert row[1] == "1"

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            ("", "the file is empty"),
            ("text,label\na,1\na,b,1\n", "line 3: 3 columns where the header has 2; a text with"),
            ("text,label\na\n", "line 2: 1 columns where the header has 2"),
            ('text,label\n"a\nb",1\n\nc,1\n', "line 4: 0 columns"),
            ("texts,label\na,1\n", "line 1: no column 'text'; the header has 'texts', 'label'"),
            ('text,label\na,1\n"a" b,1\n', "line 3: ',' expected after '\"'; inside quotes"),
            ('text,label\na,1\n"a,1\nb,0\n', "line 3: unexpected end of data; inside quotes"),
            (b"text,label\na,1\ncaf\xe9,1\n", "line 3: byte 0xe9 is not UTF-8"),
        ],
    )
    def test_what_is_refused(self, file, content, complaint):
        path = file("a.csv", content)

        assert refusal(path).startswith(f"{path}")
        assert complaint in refusal(path)


class TestJsonl:
    def test_values_become_text(self, file):
        rows = [{"text": "a", "label": value} for value in ("x", 1, 0.5, True, None)]
        path = file("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

        assert [label for _, label in cells(path)] == ["x", "1", "0.5", "true", ""]

    @pytest.mark.parametrize(
        ("line", "complaint"),
        [
            ("{", "line 2: not JSON ("),
            ("[1]", "line 2: no JSON object, but '[1]'"),
            ('{"text": "a"}', "line 2: no 'label'; there is 'text'"),
            ('{"text": ["a"], "label": 1}', "line 2: 'text' holds list, not text or a number"),
        ],
    )
    def test_what_is_refused(self, file, line, complaint):
        path = file("a.jsonl", f'{{"text": "a", "label": 1}}\n{line}\n')

        assert refusal(path).startswith(f"{path}, {complaint}")


class TestParquet:
    @pytest.fixture
    def path(self, tmp_path):
        columns = {"text": ["a", "b", None], "label": [1, 0, 1], "more": [[1], [2], [3]]}
        parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
        return tmp_path / "a.parquet"

    def test_rows(self, path):
        assert cells(path) == [["a", "1"], ["b", "0"], ["", "1"]]
        assert [line.where for line in read_table(path, ["text"])][2] == f"{path}, row 3"

    def test_what_is_refused(self, path, file):
        assert "no column 'sentence'; the header has 'text', 'label'" in refusal(path, "sentence")
        assert refusal(path, "more") == f"{path}, row 1: 'more' holds list, not text or a number"
        damaged = file("b.parquet", path.read_bytes()[:-9])
        assert refusal(damaged).startswith(f"{damaged}: not a Parquet file (")


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.csv.gz"])
def test_an_unknown_ending(file, name):
    assert "must end in .csv, .tsv, .jsonl, .parquet" in refusal(file(name, "x"))


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_missing_file(tmp_path, name):
    assert refusal(tmp_path / name) == f"{tmp_path / name}: no such file"
