"""GLUE's tasks as rows of a table: their files, labels and folders; and what is refused."""

from collections import Counter

import pytest
from tiny_runs import GLUE

from minibert.errors import DataError
from minibert.tasks.features import Example
from minibert.tasks.glue import TASKS, task_named
from minibert.tasks.sources import Sources

STSB_HEADER = "index\tsentence1\tsentence2\tscore"
PAIR = ["sentence1", "sentence2"]
# task with sample files: folder, text columns, label column, what a label is
FILES = {
    "sst-2": ("SST-2", ["sentence"], "label", int),
    "mrpc": ("MRPC", ["#1 String", "#2 String"], "Quality", int),
    "sts-b": ("STS-B", PAIR, "score", float),
    "mnli": ("MNLI", PAIR, "gold_label", ["contradiction", "entailment", "neutral"].index),
}
# Rows of each class (its name as in the file), or of all where scores are given.
REAL_LABELS = {
    "cola": {"train": {"0": 2_528, "1": 6_023}, "dev": {"0": 322, "1": 721}},
    "sst-2": {"train": {"0": 29_780, "1": 37_569}, "dev": {"0": 428, "1": 444}},
    "mrpc": {"train": {"0": 1_194, "1": 2_474}, "dev": {"0": 129, "1": 279}},
    "sts-b": {"train": 5_749, "dev": 1_500},
    "qqp": {"train": {"0": 5_747, "1": 3_252}, "dev": {"0": 623, "1": 377}},
    "mnli": {
        "train": {"contradiction": 2_958, "entailment": 3_061, "neutral": 2_980},
        "dev": {"contradiction": 154, "entailment": 166, "neutral": 180},
        "dev_mismatched": {"contradiction": 166, "entailment": 181, "neutral": 153},
    },
    "qnli": {
        "train": {"entailment": 4_523, "not_entailment": 4_476},
        "dev": {"entailment": 2_702, "not_entailment": 2_761},
    },
    "rte": {
        "train": {"entailment": 1_249, "not_entailment": 1_241},
        "dev": {"entailment": 146, "not_entailment": 131},
    },
    "wnli": {"train": {"0": 323, "1": 312}, "dev": {"0": 40, "1": 31}},
    "ax": {},
}
REAL_TEST_ROWS = {
    "cola": 1_063,
    "sst-2": 1_821,
    "mrpc": 1_725,
    "sts-b": 1_379,
    "qnli": 5_463,
    "rte": 3_000,
    "wnli": 146,
    "ax": 1_104,
}
sampled = pytest.mark.parametrize("name", FILES)
labelled_split = pytest.mark.parametrize("split", ["train", "dev"])


@pytest.fixture
def file(tmp_path):
    def write(*lines):
        path = tmp_path / "dev.tsv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def refusal(call, *arguments):
    with pytest.raises(DataError) as error:
        call(*arguments)
    return str(error.value)


def rows_of(path):
    """{column: cell} of every row, read by another way than the code's."""
    header, *rows = path.read_bytes().decode("utf-8-sig").strip("\n").split("\n")
    return [dict(zip(header.split("\t"), row.split("\t"), strict=True)) for row in rows]


@sampled
@labelled_split
def test_the_sample_files_are_read_column_by_column(name, split):
    _, columns, label, kind = FILES[name]
    path = task_named(name).file(GLUE, split)
    expected = [
        Example(row[columns[0]], row[columns[1]] if columns[1:] else None, kind(row[label]))
        for row in rows_of(path)
    ]

    examples = task_named(name).read(path)

    assert examples == expected
    assert {type(example.label) for example in examples} == {float if name == "sts-b" else int}


@sampled
def test_a_file_without_labels_is_read_when_told_so(name):
    _, columns, _, _ = FILES[name]
    path = task_named(name).file(GLUE, "test")

    examples = task_named(name).read(path, labelled=False)

    assert [example.text for example in examples] == [row[columns[0]] for row in rows_of(path)]
    assert {example.label for example in examples} == {None}
    assert "no column" in refusal(task_named(name).read, path)


def test_the_columns_of_a_pair_keep_their_order(file):
    path = file("score\tsentence2\tsentence1", "2.5\tsecond\tfirst")

    assert task_named("sts-b").read(path) == [Example("first", "second", 2.5)]


@pytest.mark.real
@pytest.mark.parametrize("name", TASKS)
def test_the_real_files_have_their_rows_and_labels(name, real_data):
    task, counts = task_named(name), {}
    for split in REAL_LABELS[name]:
        examples = task.read(task.file(real_data / "glue", split))
        labels = [task.file_labels[e.label] for e in examples] if task.file_labels else None
        counts[split] = Counter(labels) if labels else len(examples)
        assert {example.pair is not None for example in examples} == {task.about_pairs}

    assert counts == REAL_LABELS[name]


@pytest.mark.real
@pytest.mark.parametrize("name", REAL_TEST_ROWS)
def test_the_real_test_files_have_their_rows(name, real_data):
    examples = task_named(name).examples("test", Sources(real_data / "glue"))

    assert len(examples) == REAL_TEST_ROWS[name]
    assert {example.label for example in examples} == {None}


class TestCola:
    """Its train and dev files have no header, its test file has one."""

    def test_the_first_line_is_an_example(self, file):
        path = file("gj04\t1\t\tThe first line.", "gj04\t0\t*\tThe line second.")

        assert task_named("cola").read(path) == [
            Example("The first line.", None, 1),
            Example("The line second.", None, 0),
        ]

    def test_a_header_is_none(self, file):
        path = file("index\tsentence", "0\tThe first line.")

        examples = task_named("cola").read(path, labelled=False)

        assert examples == [Example("The first line.", None, None)]

    @pytest.mark.parametrize(
        ("row", "complaint"),
        [
            ("gj04\t1\tno mark", "line 2: 3 columns where 4 belong"),
            ("gj04\t*\t\tA text.", "line 2: unknown label '*'; cola has '0', '1'"),
        ],
    )
    def test_lines_are_counted_from_the_first(self, file, row, complaint):
        path = file("gj04\t1\t\tThe first line.", row)

        assert refusal(task_named("cola").read, path) == f"{path}, {complaint}"


class TestQqp:
    header = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate"
    whole = "7\t1\t2\tWhy?\tHow so?\t1"

    def test_incomplete_rows_are_left_out_and_counted(self, file, capsys):
        path = file(self.header, self.whole, "8\t1\t2\tWhy", "?\tWhen?\t0", self.whole)

        examples = task_named("qqp").read(path)

        assert examples == [Example("Why?", "How so?", 1)] * 2
        assert capsys.readouterr().out == (
            f"{path}: 2 incomplete rows left out, as everybody does; the first in line 3\n"
        )

    def test_a_whole_file_is_passed_over_in_silence(self, file, capsys):
        task_named("qqp").read(file(self.header, self.whole))

        assert capsys.readouterr().out == ""

    def test_too_many_cells_are_an_error_even_there(self, file):
        path = file(self.header, self.whole, self.whole + "\t1")

        assert "line 3: 7 columns" in refusal(task_named("qqp").read, path)

    def test_an_incomplete_test_row_is_an_error(self, file):
        """Every test row wants its answer."""
        path = file("id\tquestion1\tquestion2", "0\tWhy?\tHow so?", "1\tWhy?")

        with pytest.raises(DataError, match="line 3: 2 columns where the header has 3"):
            task_named("qqp").read(path, labelled=False)

    def test_nothing_but_incomplete_rows(self, file):
        assert "no row below it" in refusal(task_named("qqp").read, file(self.header, "8\t1"))


class TestMnli:
    def test_each_split_has_a_file_of_its_own(self):
        mnli = task_named("mnli")

        files = [mnli.file(GLUE, split).name for split in mnli.splits]

        assert files == [
            "train.tsv",
            "dev_matched.tsv",
            "dev_mismatched.tsv",
            "test_matched.tsv",
            "test_mismatched.tsv",
        ]

    def test_the_mismatched_dev_set_is_looked_at_too_unless_one_file_is_given(self, file):
        mnli = task_named("mnli")

        assert mnli.more_dev_splits(Sources(GLUE)) == ("dev_mismatched",)
        assert mnli.more_dev_splits(Sources()) == ("dev_mismatched",)
        assert mnli.more_dev_splits(Sources(train=file("a"), dev=file("a"))) == ()
        for name in TASKS.keys() - {"mnli"}:
            assert task_named(name).more_dev_splits(Sources(GLUE)) == ()

    def test_its_classes_stand_in_googles_order(self):
        assert task_named("mnli").label_names == ("contradiction", "entailment", "neutral")


class TestAx:
    def test_the_diagnostic_without_labels(self, file):
        path = file("index\tsentence1\tsentence2", "0\tA cat.\tNo cat.")

        examples = task_named("ax").read(path, labelled=False)

        assert examples == [Example("A cat.", "No cat.", None)]

    def test_the_labelled_diagnostic_has_other_columns(self, file):
        path = file("Logic\tPremise\tHypothesis\tLabel", "Negation\tA cat.\tNo cat.\tcontradiction")

        assert task_named("ax").read(path) == [Example("A cat.", "No cat.", 0)]

    @pytest.mark.parametrize("folder", ["AX", "diagnostic"])
    def test_its_folder_has_two_names(self, tmp_path, folder):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "diagnostic.tsv"
        path.write_text("index\tsentence1\tsentence2\n0\ta\tb\n")

        assert task_named("ax").file(tmp_path, "test") == path

    def test_nothing_can_be_trained_on_it(self):
        assert refusal(task_named("ax").examples, "train", Sources(GLUE)) == (
            "ax has no train examples, only dev, test; runs of mnli answer it"
        )


@pytest.mark.parametrize("label", ["2", "-1", "positive", "", "1.0", " 1"])
def test_an_unknown_label_is_named_with_its_line(file, label):
    path = file("sentence\tlabel", "fine\t1", f"what\t{label}")

    assert refusal(task_named("sst-2").read, path) == (
        f"{path}, line 3: unknown label {label!r}; sst-2 has '0', '1'"
    )


@pytest.mark.parametrize("score", ["5.001", "-0.1", "nan", "inf"])
def test_a_score_out_of_range_is_named_with_its_line(file, score):
    path = file(STSB_HEADER, "0\ta\tb\t5.0", "1\ta\tb\t0", f"2\ta\tb\t{score}")

    assert refusal(task_named("sts-b").read, path) == (
        f"{path}, line 4: score {score} lies outside 0 to 5"
    )


@pytest.mark.parametrize("score", ["high", "", "3,5"])
def test_a_score_that_is_no_number_is_named_with_its_line(file, score):
    path = file(STSB_HEADER, f"0\ta\tb\t{score}")

    assert refusal(task_named("sts-b").read, path) == f"{path}, line 2: {score!r} is no number"


def test_a_header_without_rows(file):
    path = file("sentence\tlabel")

    assert refusal(task_named("sst-2").read, path) == f"{path}: a header, and no row below it"


@sampled
@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_data_is_the_benchmarks_folder_or_the_tasks_own(name, split):
    task, folder = task_named(name), FILES[name][0]
    matched = "_matched" if name == "mnli" and split != "train" else ""
    expected = GLUE / folder / f"{split}{matched}.tsv"

    assert task.file(GLUE, split) == expected
    assert task.file(GLUE / folder, split) == expected


def test_a_missing_folder(tmp_path):
    folder = tmp_path / "nowhere"

    assert refusal(task_named("mrpc").file, folder, "dev") == f"{folder}: no such folder"


def test_a_folder_without_the_file_names_both_places(tmp_path):
    message = refusal(task_named("sst-2").file, tmp_path, "dev")

    assert message == (
        f"{tmp_path}: neither SST-2/dev.tsv nor dev.tsv is there; name the folder that holds SST-2"
    )


def test_a_file_goes_before_a_folder(file):
    path = file("sentence\tlabel", "mine\t1")

    examples = task_named("sst-2").examples("dev", Sources(GLUE, dev=path))

    assert examples == [Example("mine", None, 1)]


@labelled_split
def test_each_split_comes_from_its_own_file(split):
    task = task_named("mrpc")

    assert task.examples(split, Sources(GLUE)) == task.read(GLUE / "MRPC" / f"{split}.tsv")


def test_the_folders_test_examples_are_unlabelled_a_given_files_are_not(file):
    sst = task_named("sst-2")

    assert {example.label for example in sst.examples("test", Sources(GLUE))} == {None}
    assert sst.examples("test", Sources(test=file("sentence\tlabel", "mine\t1"))) == [
        Example("mine", None, 1)
    ]


@pytest.mark.parametrize(
    ("spelling", "name"),
    [(s, "sst-2") for s in ("sst-2", "SST-2", "sst2", "SST2")]
    + [(s, "mrpc") for s in ("mrpc", "MRPC")]
    + [(s, "sts-b") for s in ("sts-b", "STS-B", "stsb", "StsB")]
    + [(s, "cola") for s in ("cola", "CoLA")],
)
def test_spellings_of_a_tasks_name(spelling, name):
    assert task_named(spelling).name == name


@pytest.mark.parametrize("spelling", ["", "sst", "sst-5", "squad"])
def test_an_unknown_task_names_the_known_ones(spelling):
    assert refusal(task_named, spelling) == (
        f"no GLUE task {spelling!r}; there are {', '.join(TASKS)}"
    )


def test_the_tables_rows_are_complete():
    for name, task in TASKS.items():
        assert task.name == name
        assert len(task.columns) == len(task.hub_columns)
        assert len(task.labelled_columns or task.columns) == len(task.columns)
        assert len(task.label_names) == len(task.file_labels) != 1
        assert set(task.hub_labels) <= set(task.label_names)
        assert (task.score_range is None) == bool(task.label_names)
    assert [task.num_labels for task in TASKS.values()] == [2, 2, 2, 1, 2, 3, 2, 2, 2, 3]
