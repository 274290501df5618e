"""GLUE from the hub through `datasets`, with the hub replaced by a few rows made here."""

import datasets
import pytest

from minibert.errors import DataError
from minibert.tasks.glue import task_named
from minibert.tasks.sequence import Example

PAIRS = {"sentence1": ["a", "c"], "sentence2": ["b", "d"], "idx": [0, 1]}
HUB = {
    "sst2": {"sentence": ["good", "bad"], "label": [1, 0], "idx": [0, 1]},
    "mrpc": PAIRS | {"label": [0, 1]},
    "stsb": PAIRS | {"label": [2.5, 5.0]},
}
EXAMPLES = {
    "sst-2": [Example("good", None, 1), Example("bad", None, 0)],
    "mrpc": [Example("a", "b", 0), Example("c", "d", 1)],
    "sts-b": [Example("a", "b", 2.5), Example("c", "d", 5.0)],
}


@pytest.fixture
def asked(monkeypatch):
    """What the hub was asked for, while it answers with `HUB`."""
    calls = []

    def load_dataset(path, name, split):
        calls.append((path, name, split))
        return datasets.Dataset.from_dict(HUB[name])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return calls


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize(("split", "theirs"), [("train", "train"), ("dev", "validation")])
def test_a_split_of_the_hub(asked, name, split, theirs):
    examples = task_named(name).examples(split, None, None)

    assert examples == EXAMPLES[name]
    assert asked == [("nyu-mll/glue", task_named(name).hub_name, theirs)]


def test_the_test_split_has_no_labels(asked):
    """The hub writes -1 there, which must not become a class."""
    examples = task_named("mrpc").read_hub("test")

    assert examples == [Example("a", "b", None), Example("c", "d", None)]


def test_files_and_folders_go_before_the_hub(asked, root):
    task_named("sst-2").examples("dev", None, root / "data" / "glue")

    assert asked == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionError("no route\nto the hub"), "no route"),
        (FileNotFoundError("no such data set"), "no such data set"),
        (ValueError("unknown split"), "unknown split"),
        (RuntimeError("offline"), "offline"),
        (ConnectionError(), "ConnectionError"),
    ],
    ids=repr,
)
def test_a_hub_that_fails_says_what_else_to_give(monkeypatch, error, told):
    def load_dataset(*_, **__):
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)

    with pytest.raises(DataError) as caught:
        task_named("sst-2").examples("train", None, None)

    assert str(caught.value) == (
        f"sst-2 cannot be had from the hub ({told}); give --data with GLUE's own files, "
        "or --train and --dev"
    )
