"""GLUE's tasks as rows of a table: their files, labels and folders; and what is refused."""

import random

import pytest
from tiny_runs import GLUE

from minibert.errors import DataError
from minibert.tasks.glue import TASKS, limited, task_named
from minibert.tasks.sequence import Example

STSB_HEADER = "index\tsentence1\tsentence2\tscore"
# task: folder, text columns, label column, what a label is
FILES = {
    "sst-2": ("SST-2", ["sentence"], "label", int),
    "mrpc": ("MRPC", ["#1 String", "#2 String"], "Quality", int),
    "sts-b": ("STS-B", ["sentence1", "sentence2"], "score", float),
}
REAL_ROWS = {  # train, dev, test: ../shared/data/README.md
    "sst-2": (67_349, 872, 1_821),
    "mrpc": (3_668, 408, 1_725),
    "sts-b": (5_749, 1_500, 1_379),
}
every_task = pytest.mark.parametrize("name", TASKS)
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


@every_task
@labelled_split
def test_the_sample_files_are_read_column_by_column(name, split):
    folder, columns, label, kind = FILES[name]
    path = GLUE / folder / f"{split}.tsv"
    expected = [
        Example(row[columns[0]], row[columns[1]] if columns[1:] else None, kind(row[label]))
        for row in rows_of(path)
    ]

    examples = task_named(name).read(path)

    assert examples == expected
    assert {type(example.label) for example in examples} == {kind}


@every_task
def test_a_file_without_labels_is_read_when_told_so(name):
    folder, columns, _, _ = FILES[name]
    path = GLUE / folder / "test.tsv"

    examples = task_named(name).read(path, labelled=False)

    assert [example.text for example in examples] == [row[columns[0]] for row in rows_of(path)]
    assert {example.label for example in examples} == {None}
    assert "no column" in refusal(task_named(name).read, path)


def test_the_columns_of_a_pair_keep_their_order(file):
    path = file("score\tsentence2\tsentence1", "2.5\tsecond\tfirst")

    assert task_named("sts-b").read(path) == [Example("first", "second", 2.5)]


@pytest.mark.real
@every_task
def test_the_real_files_have_their_published_rows(name, real_data):
    task = task_named(name)
    counts = []
    for split in ("train", "dev", "test"):
        path = task.file(real_data / "glue", split)
        counts.append(len(task.read(path, labelled=split != "test")))

    assert tuple(counts) == REAL_ROWS[name]


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


@every_task
@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_data_is_the_benchmarks_folder_or_the_tasks_own(name, split):
    task, folder = task_named(name), FILES[name][0]
    expected = GLUE / folder / f"{split}.tsv"

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

    assert task_named("sst-2").examples("dev", path, GLUE) == [Example("mine", None, 1)]


@labelled_split
def test_each_split_comes_from_its_own_file(split):
    task = task_named("mrpc")

    assert task.examples(split, None, GLUE) == task.read(GLUE / "MRPC" / f"{split}.tsv")


@pytest.mark.parametrize(
    ("spelling", "name"),
    [(s, "sst-2") for s in ("sst-2", "SST-2", "sst2", "SST2")]
    + [(s, "mrpc") for s in ("mrpc", "MRPC")]
    + [(s, "sts-b") for s in ("sts-b", "STS-B", "stsb", "StsB")],
)
def test_spellings_of_a_tasks_name(spelling, name):
    assert task_named(spelling).name == name


@pytest.mark.parametrize("spelling", ["", "sst", "sst-5", "squad"])
def test_an_unknown_task_names_the_known_ones(spelling):
    assert refusal(task_named, spelling) == (
        f"no GLUE task {spelling!r}; there are sst-2, mrpc, sts-b"
    )


def test_the_tables_rows_are_complete():
    for name, task in TASKS.items():
        assert task.name == name
        assert len(task.columns) == len(task.hub_columns)
        assert len(task.label_names) == len(task.file_labels)
        assert (task.score_range is None) == bool(task.label_names)
    assert [task.num_labels for task in TASKS.values()] == [2, 2, 1]


class TestLimited:
    examples = tuple(Example(f"text {number}", None, number % 2) for number in range(50))

    @pytest.mark.parametrize("limit", [None, 50, 51])
    def test_no_limit_or_a_wide_one_takes_all(self, limit):
        assert limited(list(self.examples), limit) == list(self.examples)

    @pytest.mark.parametrize("limit", [1, 7, 49])
    def test_so_many_different_ones_in_the_files_order(self, limit):
        places = [self.examples.index(some) for some in limited(list(self.examples), limit)]

        assert len(set(places)) == limit
        assert places == sorted(places)

    def test_always_the_same_whatever_was_drawn_before(self):
        random.seed(1)
        first = limited(list(self.examples), 10)
        random.seed(2)

        assert limited(list(self.examples), 10) == first

    def test_not_just_the_first(self):
        """GLUE's files are not all shuffled: the first rows could be of one kind."""
        assert limited(list(self.examples), 10) != list(self.examples[:10])
