"""Tagged files: columns, JSON lines, rows of `datasets`; and what is said of other files."""

import json

import datasets
import pytest

from minibert.errors import DataError
from minibert.tasks.ner.reading import (
    Columns,
    Sentence,
    find_file,
    read_hub,
    read_sentences,
    read_split,
    sentences_from_rows,
)
from minibert.tasks.sources import Sources

FOUR = (
    "-DOCSTART- -X- O O\n\nAda NNP I-NP I-PER\nsang VBD I-VP O\n\nRome NNP I-NP I-LOC\n\n"
    "-DOCSTART- -X- O O\n\nHe PRP I-NP O\nleft VBD I-VP O\n"
)


@pytest.fixture
def file(tmp_path):
    """A function that writes a file and returns its path."""

    def write(content, name="a.txt"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def lines_of(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def refusal(*arguments, **options):
    with pytest.raises(DataError) as error:
        read_sentences(*arguments, **options)
    return str(error.value)


# --- columns --------------------------------------------------------------------------------------


def test_words_tags_documents_and_lines_of_columns(file):
    path = file(FOUR)
    assert read_sentences(path) == [
        Sentence(("Ada", "sang"), ("I-PER", "O"), 0, str(path), range(3, 5)),
        Sentence(("Rome",), ("I-LOC",), 0, str(path), range(6, 7)),
        Sentence(("He", "left"), ("O", "O"), 1, str(path), range(10, 12)),
    ]
    assert read_sentences(path)[2].place(1) == f"{path}, line 11"


@pytest.mark.parametrize(
    ("columns", "words", "tags"),
    [
        (Columns(), ("Ada", "sang"), ("I-PER", "O")),
        (Columns(tags="2"), ("Ada", "sang"), ("NNP", "VBD")),
        (Columns(tags="3"), ("Ada", "sang"), ("I-NP", "I-VP")),
        (Columns("2", "1"), ("NNP", "VBD"), ("Ada", "sang")),
    ],
)
def test_any_column_may_hold_the_words_or_the_tags(file, columns, words, tags):
    first = read_sentences(file(FOUR), columns)[0]
    assert (first.words, first.tags) == (words, tags)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffAda I-PER\nsang O\n\nRome I-LOC\n",
        "Ada I-PER\r\nsang O\r\n\r\nRome I-LOC\r\n",
        "Ada\tI-PER\nsang\tO\n\t\nRome\tI-LOC",
        "  Ada   I-PER \nsang O\n  \n\n\nRome I-LOC\n\n\n",
        "Ada \t I-PER\nsang\t\tO\n\nRome\tI-LOC\t\n",
        "Ada I-PER\nsang O\n-DOCSTART-\nRome I-LOC\n",
    ],
)
def test_other_ways_to_write_the_same(file, content):
    sentences = read_sentences(file(content))
    assert [s.words for s in sentences] == [("Ada", "sang"), ("Rome",)]
    assert [s.tags for s in sentences] == [("I-PER", "O"), ("I-LOC",)]
    assert [s.document for s in sentences] == [0, int("DOCSTART" in content)]


def test_only_blanks_and_tabs_divide_and_only_newlines_end_a_line(file):
    """A no-break space, a line separator and other spaces of Unicode are characters of words."""
    sentences = read_sentences(file("10\u00a0000 O\na\u2028b O\n\u3000 O\nNew York\tB-LOC\n"))
    assert sentences[0].words == ("10\u00a0000", "a\u2028b", "\u3000", "New York")


def test_documents_without_sentences_are_none(file):
    marks = "-DOCSTART- O\n\n"
    sentences = read_sentences(file(marks * 3 + "a O\n\nb O\n\n" + marks * 2 + "c O\n" + marks))
    assert [s.document for s in sentences] == [0, 0, 1]


@pytest.mark.parametrize("content", ["Ada\nsang\n\nRome\n", "Ada I-PER\nsang O\n\nRome I-LOC\n"])
def test_words_to_be_tagged_need_no_tags(file, content):
    sentences = read_sentences(file(content), labelled=False)
    assert [s.words for s in sentences] == [("Ada", "sang"), ("Rome",)]
    assert [s.tags for s in sentences] == [None, None]


@pytest.mark.parametrize(
    ("content", "columns", "fault"),
    [
        ("a O\nb X O\n", Columns(), ", line 2: 3 columns where line 1 has 2"),
        ("\n\na b O\n\nc O\n", Columns(), ", line 5: 2 columns where line 3 has 3"),
        ("a O\n\u00a0\nb O\n", Columns(), ", line 2: 1 columns where line 1 has 2"),
        ("\na O\n", Columns(tags="3"), ", line 2: no column 3, for there are 2"),
        ("a O\n", Columns(words="4"), ", line 1: no column 4, for there are 2"),
        (
            "a O\n",
            Columns(tags="0"),
            ", line 1: columns have numbers from 1, not names such as '0'",
        ),
        ("a O\n", Columns(tags="pos_tags"), "not names such as 'pos_tags'"),
        (
            "a O\n",
            Columns(tags="1"),
            ", line 1: column 1 cannot hold both the words and their tags",
        ),
        ("a\nb\n", Columns(), ", line 1: only one column: words without tags"),
        ("", Columns(), ": the file is empty"),
        (" \n\n", Columns(), ": the file is empty"),
        ("-DOCSTART- -X- O\n\n", Columns(), ": no sentence in it"),
        (b"a O\ncaf\xe9 O\n", Columns(), ", line 2: byte 0xe9 is not UTF-8"),
    ],
)
def test_what_is_no_columns_is_refused_with_its_line(file, content, columns, fault):
    path = file(content)
    message = refusal(path, columns)
    assert message.startswith(str(path))
    assert fault in message


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.parquet"])
def test_a_file_of_another_kind_is_refused(file, name):
    assert "columns or from .jsonl" in refusal(file("a O\n", name))


def test_a_missing_file_is_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "a.txt")
    assert "no such file" in refusal(tmp_path / "a.jsonl")


# --- JSON lines and rows --------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "tags"), [("words", "tags"), ("tokens", "ner_tags")])
def test_json_lines_by_their_usual_fields(file, words, tags):
    rows = {words: ["Ada", "sang"], tags: ["B-PER", "O"]}, {words: ["a"], tags: ["O"]}
    path = file(lines_of(*rows), "a.jsonl")
    assert read_sentences(path) == [
        Sentence(("Ada", "sang"), ("B-PER", "O"), 0, str(path), (1,)),
        Sentence(("a",), ("O",), 0, str(path), (2,)),
    ]
    assert read_sentences(path)[0].place(1) == f"{path}, line 1, word 2"
    assert [s.tags for s in read_sentences(path, labelled=False)] == [None, None]


def test_fields_of_other_names(file):
    row = {"form": ["a"], "pos": ["DT"], "words": ["b"], "tags": ["O"]}
    (sentence,) = read_sentences(file(lines_of(row), "a.jsonl"), Columns("form", "pos"))
    assert (sentence.words, sentence.tags) == (("a",), ("DT",))


@pytest.mark.parametrize("field", ["document", "document_id"])
def test_a_field_may_tell_the_document(file, field):
    names = ["x", "x", "y", "x", 3, 3]
    rows = [{"words": ["a"], "tags": ["O"], field: name} for name in names]
    sentences = read_sentences(file(lines_of(*rows), "a.jsonl"))
    assert [s.document for s in sentences] == [0, 0, 1, 2, 3, 3]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"words": ["a"], "tags": ["O"]}\n\n{"words": ["a"]}', "line 3: tags: missing"),
        ('{"tags": ["O"]}', "line 1: words: missing"),
        ('{"words": [], "tags": []}', "line 1: words: empty"),
        ('{"words": ["a", " "], "tags": ["O", "O"]}', "line 1: words[1]: empty"),
        ('{"words": ["a"], "tags": ["O", "O"]}', "line 1: tags: 2 tags for 1 words"),
        ('{"words": ["a"], "tags": [3]}', "line 1: tags[0]: must be a text, not 3"),
        ('{"words": "a", "tags": ["O"]}', "line 1: words: must be a list, not 'a'"),
        ("[]", "line 1: must be an object, not a list"),
        ("a O", "line 1: no JSON"),
        ("\n", "the file is empty"),
        (b'{"words":\n ["\xff"]}', "line 2: byte 0xff is not UTF-8"),
    ],
)
def test_what_is_no_tagged_json_is_refused_with_its_place(file, content, fault):
    assert fault in refusal(file(content, "a.jsonl"))


def hub_rows(**more):
    classes = datasets.List(datasets.ClassLabel(names=["O", "B-PER", "I-PER"]))
    features = {"tokens": datasets.List(datasets.Value("string")), "ner_tags": classes}
    columns = {"tokens": [["Ada", "sang"], ["a"]], "ner_tags": [[1, 0], [0]], **more}
    features |= {name: datasets.List(datasets.Value("string")) for name in more}
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


def test_rows_have_numbered_classes_or_texts():
    rows = hub_rows(pos_tags=[["NNP", "VBD"], ["DT"]])
    assert [s.tags for s in sentences_from_rows(rows)] == [("B-PER", "O"), ("O",)]
    pos = sentences_from_rows(rows, Columns(tags="pos_tags"))
    assert [s.tags for s in pos] == [("NNP", "VBD"), ("DT",)]
    assert [s.words for s in pos] == [("Ada", "sang"), ("a",)]


def test_a_row_without_its_class_or_field_is_refused():
    rows = hub_rows().map(lambda row: {"ner_tags": [-1] * len(row["tokens"])})
    with pytest.raises(DataError, match=r"row 0: ner_tags\[0\]: -1, but .* numbers 0 to 2"):
        sentences_from_rows(rows)
    with pytest.raises(DataError, match="row 0: chunk_tags: missing"):
        sentences_from_rows(rows, Columns(tags="chunk_tags"))


def test_the_hub_is_asked_for_conll_2003(monkeypatch):
    asked = []

    def load_dataset(name, configuration, split):
        asked.append((name, split))
        return hub_rows()

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    dev = read_split("dev", Sources())
    assert [s.document for s in dev] == [0, 1]  # the rows do not tell: each for itself
    assert dev[0].tags == ("B-PER", "O")
    read_split("train", Sources())
    read_hub("test")
    assert [split for _, split in asked] == ["validation", "train", "test"]
    assert len({name for name, _ in asked}) == 1


def test_a_hub_out_of_reach_says_what_else_to_give(monkeypatch):
    def load_dataset(*arguments, **options):
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(DataError, match=r"CoNLL-2003 cannot be had .*no network.*eng\.train"):
        read_hub("train")


# --- which file -----------------------------------------------------------------------------------


def test_a_single_file_comes_before_the_folder(file, tmp_path):
    file("b O\n", "dev.txt")
    given = file("a O\n", "given.txt")
    assert read_split("dev", Sources(tmp_path, dev=given))[0].words == ("a",)
    assert read_split("dev", Sources(tmp_path))[0].words == ("b",)


@pytest.mark.parametrize(
    ("split", "name"),
    [("train", "eng.train"), ("dev", "eng.testa"), ("test", "eng.testb"), ("dev", "dev.jsonl")],
)
def test_files_of_a_folder_by_their_names(file, tmp_path, split, name):
    path = file("a O\n", name)
    assert find_file(split, tmp_path) == path


def test_folders_that_do_not_tell_are_refused(file, tmp_path):
    with pytest.raises(DataError, match=r"none of dev\.txt.* is there; give --dev"):
        find_file("dev", tmp_path)
    file("a O\n", "dev.txt"), file("a O\n", "eng.testa")
    with pytest.raises(DataError, match=r"both dev\.txt and eng\.testa are there; give one as"):
        find_file("dev", tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        find_file("dev", tmp_path / "nowhere")


# --- whole files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "dev"])
def test_the_sample_files_are_read_whole(root, split):
    path = root / "data" / "ner" / f"{split}.txt"
    sentences = read_split(split, Sources(root / "data" / "ner"))
    lines = [line.split(" ") for line in path.read_text("utf-8").splitlines() if line]
    rows = [line for line in lines if line[0] != "-DOCSTART-"]
    assert [word for s in sentences for word in s.words] == [row[0] for row in rows]
    assert [tag for s in sentences for tag in s.tags] == [row[3] for row in rows]
    assert sentences[-1].document + 1 == len(lines) - len(rows)


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "sentences", "words", "documents"),
    [("eng.train", 14_041, 203_621, 946), ("eng.testa", 3_250, 51_362, 216)],
)
def test_conll_2003_is_read_whole(real_data, name, sentences, words, documents):
    """The published numbers of the data set."""
    path = real_data / "conll2003" / name
    found = read_sentences(path)
    assert len(found) == sentences
    assert sum(len(sentence.words) for sentence in found) == words
    assert found[-1].document + 1 == documents
    lines = path.read_text("utf-8").split("\n")
    for sentence in found[:: len(found) // 50]:
        for word, line in zip(sentence.words, sentence.lines, strict=True):
            assert lines[line - 1].startswith(word + " ")
