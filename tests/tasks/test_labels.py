"""A head whose classes stand in another order: noticed by name, put right, and said."""

import pytest
import torch

from minibert.tasks.glue import task_named
from minibert.tasks.labels import fit_labels

OURS = task_named("mnli").label_names
HUB = ("entailment", "neutral", "contradiction")


def head(count):
    """A head that answers with the number of each class's row, as it was loaded."""
    linear = torch.nn.Linear(2, count)
    with torch.no_grad():
        linear.weight.copy_(torch.arange(count).float().repeat(2, 1).T)
        linear.bias.copy_(10 * torch.arange(count))
    return linear


@pytest.mark.parametrize(
    "theirs", [HUB, ("ENTAILMENT", "Neutral", "contradiction"), ("neutral", *OURS[:2])]
)
def test_rows_follow_their_names(theirs):
    linear = head(3)

    note = fit_labels(linear, theirs, OURS)

    order = [[name.lower() for name in theirs].index(name) for name in OURS]
    assert linear.weight[:, 0].tolist() == order
    assert linear.bias.tolist() == [10 * place for place in order]
    assert note == (f"the head's order was {', '.join(theirs)}; put into ours, {', '.join(OURS)}")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (OURS, OURS),
        (("Not-Equivalent", "EQUIVALENT"), task_named("mrpc").label_names),
        (("LABEL_0",), ()),  # a score
    ],
)
def test_nothing_is_said_or_done_where_all_is_well(theirs, ours):
    linear = head(len(theirs))

    assert fit_labels(linear, theirs, ours) is None
    assert linear.weight[:, 0].tolist() == list(range(len(theirs)))


@pytest.mark.parametrize(
    "theirs", [("LABEL_0", "LABEL_1", "LABEL_2"), ("entailment", "neutral", "no")]
)
def test_names_that_do_not_fit_are_said(theirs):
    linear = head(3)

    note = fit_labels(linear, theirs, OURS)

    assert note.startswith(f"the head calls its classes {', '.join(theirs)}; taken")
    assert "--new-head" in note
    assert linear.weight[:, 0].tolist() == [0, 1, 2]
