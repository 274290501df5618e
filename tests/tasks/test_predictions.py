"""What logits mean in words, and the predictions file, line by line."""

import math

import numpy as np
import pytest

from minibert.tasks.features import Example
from minibert.tasks.glue import TASKS, task_named

THREE_TO_ONE = [0.0, math.log(3)]


def logits(*rows):
    return np.array(rows, dtype=np.float32)


def test_the_answer_is_the_class_with_the_highest_logit():
    answer = task_named("sst-2").answer(logits(THREE_TO_ONE)[0])

    assert answer.value == answer.text == "positive"
    assert answer.probabilities == pytest.approx({"negative": 0.25, "positive": 0.75})
    assert list(answer.probabilities) == ["negative", "positive"]


def test_class_one_of_mrpc_says_the_same():
    assert task_named("mrpc").answer(logits(THREE_TO_ONE)[0]).value == "equivalent"


def test_huge_logits_overflow_nothing():
    shares = task_named("sst-2").answer(logits([1000, -1000])[0]).probabilities

    assert shares == {"negative": 1.0, "positive": 0.0}


def test_a_score_is_its_own_answer():
    answer = task_named("sts-b").answer(logits([2.71875])[0])

    assert answer.value == 2.71875
    assert answer.text == "2.719"
    assert answer.probabilities == {}


def test_the_file_of_a_classification(tmp_path):
    examples = [Example("good", None, 0), Example("bad", None, None)]

    task_named("sst-2").write_predictions(
        tmp_path / "out.tsv", examples, logits(THREE_TO_ONE, [1, 1])
    )

    assert (tmp_path / "out.tsv").read_text(encoding="utf-8") == (
        "index\tlabel\tprediction\tnegative\tpositive\ttext\tpair\n"
        "0\tnegative\tpositive\t0.2500\t0.7500\tgood\t\n"
        "1\t\tnegative\t0.5000\t0.5000\tbad\t\n"
    )


def test_the_file_of_a_regression(tmp_path):
    examples = [Example("a", "b", 3.8), Example("c", "d", None)]

    task_named("sts-b").write_predictions(tmp_path / "out.tsv", examples, logits([4.1], [0.25]))

    assert (tmp_path / "out.tsv").read_text(encoding="utf-8") == (
        "index\tlabel\tprediction\ttext\tpair\n0\t3.8\t4.100\ta\tb\n1\t\t0.250\tc\td\n"
    )


def test_the_file_of_pairs_keeps_their_order(tmp_path):
    examples = [Example("first", "second", 1)]

    task_named("mrpc").write_predictions(tmp_path / "out.tsv", examples, logits(THREE_TO_ONE))

    row = (tmp_path / "out.tsv").read_text(encoding="utf-8").splitlines()[1]
    assert row.split("\t")[:3] == ["0", "equivalent", "equivalent"]
    assert row.endswith("\tfirst\tsecond")


@pytest.mark.parametrize("break_", ["\t", "\r", "\n"], ids=ascii)
def test_a_text_breaks_no_line_and_no_column(tmp_path, break_):
    examples = [Example(f"one{break_}two", None, 1)]

    task_named("sst-2").write_predictions(tmp_path / "out.tsv", examples, logits(THREE_TO_ONE))

    assert (tmp_path / "out.tsv").read_text(encoding="utf-8").endswith("\tone two\t\n")


@pytest.mark.parametrize("name", TASKS)
def test_one_row_of_logits_for_every_example(tmp_path, name):
    task = task_named(name)

    with pytest.raises(ValueError, match="zip"):
        task.write_predictions(
            tmp_path / "out.tsv", [Example("a", "b", 1)] * 2, np.zeros((1, task.num_labels))
        )
    assert list(tmp_path.iterdir()) == []
