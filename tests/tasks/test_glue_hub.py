"""GLUE from the hub through `datasets`, with the hub replaced by a few rows made here."""

import datasets
import pytest

from minibert.errors import DataError
from minibert.tasks.features import Example
from minibert.tasks.glue import task_named
from minibert.tasks.sources import Sources

PAIRS = {"sentence1": ["a", "c"], "sentence2": ["b", "d"], "idx": [0, 1]}
NLI = {"premise": ["a", "c", "e"], "hypothesis": ["b", "d", "f"], "label": [0, 1, 2]}
# As the hub numbers the classes: entailment is 0 in MNLI, QNLI and RTE, but 1 in WNLI.
HUB = {
    "cola": {"sentence": ["good", "bad"], "label": [1, 0], "idx": [0, 1]},
    "sst2": {"sentence": ["good", "bad"], "label": [1, 0], "idx": [0, 1]},
    "mrpc": PAIRS | {"label": [0, 1]},
    "stsb": PAIRS | {"label": [2.5, 5.0]},
    "qqp": {"question1": ["a", "c"], "question2": ["b", "d"], "label": [0, 1]},
    "mnli": NLI,
    "qnli": {"question": ["a", "c"], "sentence": ["b", "d"], "label": [0, 1]},
    "rte": PAIRS | {"label": [0, 1]},
    "wnli": PAIRS | {"label": [0, 1]},
    "ax": NLI | {"label": [-1, -1, -1]},
}
TWO_PAIRS = (("a", "b"), ("c", "d"))
# {task: (texts, class or score of each)}
EXAMPLES = {
    "cola": ((("good", None), ("bad", None)), ("acceptable", "unacceptable")),
    "sst-2": ((("good", None), ("bad", None)), ("positive", "negative")),
    "mrpc": (TWO_PAIRS, ("not_equivalent", "equivalent")),
    "sts-b": (TWO_PAIRS, (2.5, 5.0)),
    "qqp": (TWO_PAIRS, ("not_duplicate", "duplicate")),
    "mnli": ((*TWO_PAIRS, ("e", "f")), ("entailment", "neutral", "contradiction")),
    "qnli": (TWO_PAIRS, ("entailment", "not_entailment")),
    "rte": (TWO_PAIRS, ("entailment", "not_entailment")),
    "wnli": (TWO_PAIRS, ("not_entailment", "entailment")),
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
    task, (texts, labels) = task_named(name), EXAMPLES[name]

    examples = task.examples(split, Sources())

    names = task.label_names
    assert [example[:2] for example in examples] == list(texts)
    assert [names[e.label] if names else e.label for e in examples] == list(labels)
    matched = "_matched" if name == "mnli" and split == "dev" else ""
    assert asked == [("nyu-mll/glue", task.hub_name, theirs + matched)]


@pytest.mark.parametrize("split", ["dev_mismatched", "test", "test_mismatched"])
def test_mnlis_other_splits(asked, split):
    task_named("mnli").examples(split, Sources())

    theirs = {"dev_mismatched": "validation_mismatched", "test": "test_matched"}
    assert asked == [("nyu-mll/glue", "mnli", theirs.get(split, split))]


def test_the_test_split_has_no_labels(asked):
    """The hub writes -1 there, which must not become a class."""
    examples = task_named("mrpc").read_hub("test")

    assert examples == [Example("a", "b", None), Example("c", "d", None)]
    assert {example.label for example in task_named("ax").read_hub("test")} == {None}
    assert {example.label for example in task_named("mnli").read_hub("test_mismatched")} == {None}


def test_what_the_hub_has_not(asked):
    with pytest.raises(DataError, match="the hub has no dev examples of ax; give --data"):
        task_named("ax").examples("dev", Sources())


def test_files_and_folders_go_before_the_hub(asked, root):
    task_named("sst-2").examples("dev", Sources(root / "data" / "glue"))

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
        task_named("sst-2").examples("train", Sources())

    assert str(caught.value) == (
        f"sst-2 cannot be had from the hub ({told}); give --data with GLUE's own files, "
        "or --train and --dev"
    )
