"""What is said of results that cannot be right, and that nothing is said of those that can."""

import numpy as np
import pytest

from minibert.tasks.plausibility import doubts

NLI = ("contradiction", "entailment", "neutral")
TWO = ("no", "yes")


def logits_for(guesses, classes):
    return np.eye(classes, dtype=np.float32)[guesses]


def one_doubt(guesses, labels, names):
    (found,) = doubts(logits_for(guesses, len(names)), np.array(labels), names)
    return found


def right_in(share, labels, classes, generator):
    """Guesses of which this share is right, the others any class else."""
    wrong = (labels + generator.integers(1, classes, len(labels))) % classes
    return np.where(generator.random(len(labels)) < share, labels, wrong)


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_predictions_that_are_all_the_same():
    found = one_doubt([1] * 6, [1, 1, 1, 1, 0, 0], TWO)

    assert found.startswith("every prediction is 'yes': too few steps, a learning rate")


def test_no_better_than_the_largest_class(generator):
    labels = (generator.random(1000) < 0.7).astype(int)
    guesses = (generator.random(1000) < 0.97).astype(int)

    found = one_doubt(guesses, labels, TWO)

    assert "is no better than always saying 'yes' (0.678)" in found


def test_mnli_labels_in_another_order(generator):
    """Google's order read as the hub's: the trap that shows as an accuracy of some 5 %."""
    labels = generator.integers(0, 3, 600)
    good = right_in(0.84, labels, 3, generator)
    hub = np.array([NLI.index(name) for name in ("entailment", "neutral", "contradiction")])

    found = one_doubt(hub[good], labels, NLI)

    assert "is far below chance (0.33" in found
    assert "the labels are numbered in another order than the head has learnt" in found
    for guess, label in zip(hub, range(3), strict=True):
        assert f"{NLI[guess]} as {NLI[label]}" in found
    assert found.endswith(f"would give {(good == labels).mean():.3f}")


def test_two_classes_the_wrong_way_round(generator):
    labels = generator.integers(0, 2, 200)

    found = one_doubt(1 - right_in(0.9, labels, 2, generator), labels, TWO)

    assert "reading yes as no, no as yes would give 0.870" in found


@pytest.mark.parametrize("share", [0.6, 0.9, 1.0])
@pytest.mark.parametrize("often", [0.5, 0.8])
def test_sound_results_are_left_alone(generator, share, often):
    labels = (generator.random(500) < often).astype(int)
    rare = labels == 0
    guesses = right_in(share, labels, 2, generator)
    guesses[rare] = right_in(max(share, 0.8), labels[rare], 2, generator)

    assert doubts(logits_for(guesses, 2), labels, TWO) == []


def test_a_single_class_that_is_found_everywhere_is_no_doubt():
    assert doubts(logits_for([1, 1, 1], 2), np.array([1, 1, 1]), TWO) == []


def test_bad_luck_on_a_few_examples_is_not_below_chance():
    (found,) = doubts(logits_for([0, 1, 0, 1], 2), np.array([1, 0, 1, 1]), TWO)

    assert "below chance" not in found


class TestScores:
    scores = np.linspace(0, 5, 50)

    def of(self, guesses):
        return doubts(np.asarray(guesses, np.float32)[:, None], self.scores, ())

    def test_constant(self):
        (found,) = self.of(2.6 + 0.001 * self.scores)

        assert found.startswith("every prediction is about 2.60: too few steps")

    def test_turned_round(self):
        (found,) = self.of(5 - self.scores)

        assert "fall where the scores rise" in found

    def test_sound(self, generator):
        assert self.of(self.scores + generator.normal(size=50)) == []
        assert self.of(generator.normal(size=50)) == []
