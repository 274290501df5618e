"""Texts of one's own: classes found, rows held out, and what is refused with file and line."""

import json
from collections import Counter

import pytest

from minibert.errors import DataError
from minibert.tasks.features import Example
from minibert.tasks.kinds import task_of
from minibert.tasks.sources import Sources
from minibert.training.settings import TextSettings


def task(**changes):
    return task_of(TextSettings(**changes).as_json())


def again(prepared, **changes):
    """The task as it is made from settings.json."""
    written = TextSettings(**changes).as_json() | prepared.facts()
    return task_of(json.loads(json.dumps(written)))


def refusal(call, *arguments):
    with pytest.raises(DataError) as error:
        call(*arguments)
    return str(error.value)


@pytest.fixture
def table(tmp_path):
    """A function that writes rows of text and label as CSV and returns the path."""

    def write(*rows, name="train.csv", header="text,label"):
        path = tmp_path / name
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    return write


@pytest.fixture
def lopsided(table):
    rows = [f"text {number},{'spam' if number % 5 == 0 else 'ham'}" for number in range(100)]
    return table(*rows)


class TestClasses:
    def test_they_are_found_sorted_and_counted(self, table, capsys):
        train = table("a,good", "b,bad ", "c,good")

        found = task().prepared(Sources(train=train, dev=train))

        assert found.label_names == ("bad", "good")
        assert capsys.readouterr().out == "2 classes: bad 1 (33%), good 2 (67%)\n"
        examples = found.examples("train", Sources(train=train, dev=train))
        assert examples == [Example("a", None, 1), Example("b", None, 0), Example("c", None, 1)]

    def test_numbers_are_sorted_as_numbers(self, table):
        train = table("a,10", "b,9", "c,-1")

        assert task().prepared(Sources(train=train)).label_names == ("-1", "9", "10")

    def test_a_lopsided_choice_is_said(self, lopsided, capsys):
        task().prepared(Sources(train=lopsided))

        assert (
            "lopsided: 'ham' has 4.0 times the examples of 'spam'; always saying 'ham' is right "
            "in 80%, so look at macro_f1 too" in capsys.readouterr().out
        )

    @pytest.mark.parametrize(
        ("rows", "complaint"),
        [
            (["a,1", "b,1"], "'label' holds only '1'; it takes two classes"),
            (["a,", "b,"], "'label' holds nothing"),
            ([f"a,0.{n}" for n in range(30)], "30 different values in 30 rows: no classes"),
        ],
    )
    def test_what_are_no_classes(self, table, rows, complaint):
        train = table(*rows)

        assert complaint in refusal(task().prepared, Sources(train=train))

    def test_a_run_knows_them_again(self, lopsided, table):
        """Another file, with one class only, changes nothing about their numbers."""
        made = again(task().prepared(Sources(train=lopsided)))

        assert made.label_names == ("ham", "spam")
        assert made.read(table("a,spam", name="x.csv")) == [Example("a", None, 1)]


class TestHeldOutRows:
    def test_every_class_alike_and_every_row_once(self, lopsided):
        sources = Sources(train=lopsided)
        made = task().prepared(sources)

        train, dev = made.examples("train", sources), made.examples("dev", sources)

        assert Counter(example.label for example in dev) == {0: 8, 1: 2}
        assert sorted(train + dev) == sorted(made.read(lopsided))

    def test_a_run_finds_them_again(self, lopsided):
        sources = Sources(train=lopsided)
        first = task(split_seed=3, dev_share=0.3).prepared(sources)

        made = again(first, split_seed=3, dev_share=0.3)

        assert made.examples("dev", sources) == first.examples("dev", sources)
        assert len(made.examples("dev", sources)) == 30

    def test_the_seed_decides(self, lopsided):
        sources = Sources(train=lopsided)
        drawn = [task(split_seed=n).prepared(sources).examples("dev", sources) for n in (0, 1)]

        assert drawn[0] != drawn[1]

    def test_a_file_that_has_changed_is_refused(self, lopsided):
        sources = Sources(train=lopsided)
        made = task().prepared(sources)
        lopsided.write_text(lopsided.read_text() + "one more,spam\n")

        assert "gone or changed since the run was started" in refusal(made.examples, "dev", sources)

    def test_a_dev_file_ends_it(self, lopsided, table, capsys):
        dev = table("x,ham", name="dev.csv")
        for sources in (Sources(train=lopsided, dev=dev), Sources(data=lopsided.parent)):
            made = task().prepared(sources)
            assert len(made.examples("train", sources)) == 100
            assert made.examples("dev", sources) == [Example("x", None, 0)]
        assert "held out" not in capsys.readouterr().out

    def test_too_few_rows(self, table):
        sources = Sources(train=table("a,0", "b,1"))
        made = task().prepared(sources)

        assert "too few rows to hold out 10%" in refusal(made.examples, "dev", sources)


class TestRows:
    @pytest.mark.parametrize(
        ("row", "complaint"),
        [
            ("b,fair", "label 'fair' is none of the training file's: 'bad', 'good'"),
            ("b,", "nothing in 'label'"),
            (" ,bad", "nothing in 'text'"),
        ],
    )
    def test_what_is_refused(self, table, row, complaint):
        train = table("a,good", "b,bad")
        made = task().prepared(Sources(train=train))
        dev = table("a,good", row, name="dev.csv")

        assert refusal(made.read, dev) == f"{dev}, line 3: {complaint}"

    def test_without_labels_the_column_is_not_asked_for(self, table):
        path = table("a", "b", header="text")

        assert task().read(path, labelled=False) == [Example(t, None, None) for t in "ab"]

    def test_pairs(self, table):
        train = table("a,b,yes", "c,d,no", header="one,two,same")
        made = task(text_column="one", pair_column="two", label_column="same")
        made = made.prepared(Sources(train=train))

        assert made.about_pairs
        assert made.read(train) == [Example("a", "b", 1), Example("c", "d", 0)]

    def test_scores(self, table):
        train = table("a,0.5", "b,-3")
        made = task(regression=True).prepared(Sources(train=train, dev=train))

        assert made.num_labels == 1
        assert made.read(train) == [Example("a", None, 0.5), Example("b", None, -3.0)]

    @pytest.mark.parametrize(
        ("cell", "complaint"),
        [("high", "'high' in 'label' is no number"), ("nan", "'nan' in 'label' is no finite")],
    )
    def test_what_is_no_score(self, table, cell, complaint):
        train = table("a,1", f"b,{cell}")

        assert f"line 3: {complaint}" in refusal(task(regression=True).read, train)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ((), "no train.csv, train.tsv, train.jsonl, train.parquet there"),
        (("train.csv", "train.tsv"), "both train.csv and train.tsv are there"),
    ],
)
def test_folders_that_do_not_say_what_to_read(tmp_path, names, complaint):
    for name in names:
        (tmp_path / name).write_text("text,label\n")

    assert complaint in refusal(task().prepared, Sources(tmp_path))


def test_no_files_at_all():
    assert "give --train, or a folder as --data" in refusal(task().prepared, Sources())
    assert "give --test" in refusal(task().examples, "test", Sources())
