"""The report: figures equal to scikit-learn's, the right mistakes, a page that reads well."""

import json
import math
import re

import numpy as np
import pytest
from matplotlib.image import imread
from sklearn import metrics
from tiny_runs import examples_of, json_of

from minibert.tasks.features import Example
from minibert.tasks.reports.report import (
    calibration_bins,
    calibration_error,
    report_classes,
    report_scores,
    write_report,
)

NAMES = ("bad", "fair", "good")


def drawn(count, classes, seed=0):
    """Random examples and logits that have something to do with each other."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, classes, count)
    logits = draw.normal(size=(count, classes)) + 1.5 * np.eye(classes)[labels]
    examples = [Example(f"text {n}", None, int(label)) for n, label in enumerate(labels)]
    return examples, logits.astype(np.float32), labels


def softmax(logits):
    shares = np.exp(logits.astype(np.float64))
    return shares / shares.sum(1, keepdims=True)


def degenerate(kind):
    examples, logits, labels = drawn(60, 3)
    if kind == "one prediction":
        logits = np.tile(np.array([0, 0, 4], np.float32), (60, 1))
    if kind == "one label":
        labels = np.full(60, 1)
        examples = [example._replace(label=1) for example in examples]
    return examples, logits, labels


class TestClasses:
    @pytest.mark.parametrize("kind", ["random", "one prediction", "one label"])
    def test_figures_are_those_of_scikit_learn(self, kind):
        examples, logits, labels = degenerate(kind)
        report = report_classes(NAMES, examples, logits)

        guesses = logits.argmax(1)
        theirs = metrics.classification_report(
            labels,
            guesses,
            labels=range(3),
            target_names=NAMES,
            output_dict=True,
            zero_division=0.0,
        )
        for one in [*report.classes, report.macro]:
            expected = theirs["macro avg" if one is report.macro else one.name]
            found = [one.precision, one.recall, one.f1, one.examples]
            assert found == pytest.approx(list(expected.values())), one.name
        assert report.accuracy == (guesses == labels).mean()
        assert report.log_loss == pytest.approx(
            metrics.log_loss(labels, softmax(logits), labels=range(3))
        )
        counts = metrics.confusion_matrix(labels, guesses, labels=range(3))
        assert report.confusion == counts.tolist()
        assert report.mistakes == (guesses != labels).sum()

    def test_the_worst_mistakes_come_first_and_no_right_answer_among_them(self):
        examples, logits, labels = drawn(200, 3)
        report = report_classes(NAMES, examples, logits)
        shares, guesses = softmax(logits), logits.argmax(1)
        losses = -np.log(shares[np.arange(200), labels])
        wrong = [row for row in np.argsort(-losses) if guesses[row] != labels[row]]

        assert len(wrong) > 20
        assert [one.index for one in report.worst] == wrong[:20]
        for one in report.worst:
            assert one.text == f"text {one.index}"
            assert one.truth == NAMES[labels[one.index]]
            assert one.prediction == NAMES[guesses[one.index]]
            assert one.probability == pytest.approx(shares[one.index].max())
            assert one.truth_probability == pytest.approx(math.exp(-one.loss))

    def test_a_model_that_makes_no_mistake(self, tmp_path):
        examples, _, labels = drawn(30, 3)
        report = write_report(tmp_path, "t", NAMES, examples, 9 * np.eye(3)[labels])

        assert report.worst == []
        assert "Not one of them is wrong." in (tmp_path / "report.md").read_text(encoding="utf-8")

    def test_logits_so_far_apart_that_a_probability_is_zero(self):
        examples = [Example("a", None, 0), Example("b", None, 1)]
        report = report_classes(NAMES[:2], examples, np.array([[0, 1000], [0, 1]], np.float32))
        assert report.worst[0].loss == 1000

    def test_the_printed_table(self):
        examples = [Example("x", None, label) for label in (0, 0, 0, 1)]
        logits = np.log(np.array([[0.8, 0.2], [0.8, 0.2], [0.2, 0.8], [0.2, 0.8]]))
        assert str(report_classes(("no", "yes"), examples, logits)).splitlines() == [
            "               precision  recall      f1  examples",
            "no                1.0000  0.6667  0.8000         3",
            "yes               0.5000  1.0000  0.6667         1",
            "macro average     0.7500  0.8333  0.7333         4",
            "accuracy 0.7500  log loss 0.5697  calibration error 0.0500",
            "",
            "truth              no     yes  (predicted)",
            "no                  2       1",
            "yes                 0       1",
        ]

    def test_many_classes_do_not_flood_the_terminal(self):
        examples, logits, _ = drawn(100, 40)
        table = str(report_classes([f"intent {n}" for n in range(40)], examples, logits))
        assert len(table.splitlines()) == 3


class TestCalibration:
    def test_by_hand(self):
        confidence = np.array([0.5, 0.55, 0.58, 0.61, 0.95, 1.0])
        right = np.array([True, True, False, True, True, False])
        bins = calibration_bins(confidence, right)

        assert [(one.low, one.high, one.examples) for one in bins] == [
            (pytest.approx(0.4), pytest.approx(0.5), 1),  # 0.5 belongs to the bin that it ends
            (pytest.approx(0.5), pytest.approx(0.6), 2),
            (pytest.approx(0.6), pytest.approx(0.7), 1),
            (pytest.approx(0.9), pytest.approx(1.0), 2),
        ]
        assert [one.accuracy for one in bins] == [1.0, 0.5, 1.0, 0.5]
        expected = (1 * 0.5 + 2 * 0.065 + 1 * 0.39 + 2 * 0.475) / 6
        assert calibration_error(bins) == pytest.approx(expected)

    def test_honest_probabilities_have_nearly_no_error_and_boasting_ones_have(self):
        draw = np.random.default_rng(1)
        confidence = draw.uniform(0.5, 1, 40_000)
        right = draw.uniform(size=40_000) < confidence
        assert calibration_error(calibration_bins(confidence, right)) < 0.01
        boasting = np.full(40_000, 0.99)
        assert calibration_error(calibration_bins(boasting, right)) == pytest.approx(0.24, abs=0.01)


class TestScores:
    def test_figures_and_the_farthest(self):
        draw = np.random.default_rng(0)
        labels = draw.uniform(0, 5, 50).round(1)
        scores = (labels + draw.normal(size=50)).astype(np.float32)
        examples = [Example(f"text {n}", f"pair {n}", label) for n, label in enumerate(labels)]
        report = report_scores(examples, scores)

        assert report.pearson == pytest.approx(np.corrcoef(scores, labels)[0, 1])
        assert report.mean_absolute_error == pytest.approx(
            metrics.mean_absolute_error(labels, scores)
        )
        assert report.root_mean_squared_error == pytest.approx(
            metrics.root_mean_squared_error(labels, scores)
        )
        far = np.argsort(-abs(labels - scores))[:20]
        assert [one.index for one in report.worst] == far.tolist()
        assert report.worst[0].pair == f"pair {far[0]}"
        assert report.worst[0].truth == labels[far[0]]
        assert report.worst[0].prediction == pytest.approx(scores[far[0]])

    def test_a_constant_answer(self, tmp_path):
        examples = [Example("x", None, float(n)) for n in range(5)]
        report = write_report(tmp_path, "t", (), examples, np.full((5, 1), 2.0))
        assert (report.pearson, report.spearman) == (0.0, 0.0)
        assert report.mean_absolute_error == pytest.approx(1.2)


class TestPage:
    @pytest.fixture
    def page(self, tmp_path):
        examples = [
            Example("One | two *stars*\nand <b>\ttags", "x" * 1000, 0),
            *examples_of("sst-2", 20),
        ]
        logits = np.tile(np.array([0.2, 0.8]), (21, 1))
        write_report(tmp_path, "sst-2, seed 1", ("bad_one", "good"), examples, logits, ["Beware!"])
        return (tmp_path / "report.md").read_text(encoding="utf-8")

    def test_every_linked_picture_is_there(self, page, tmp_path):
        linked = set(re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page))
        assert linked == {"curves.png", "confusion.png", "calibration.png"}
        for name in linked - {"curves.png"}:  # drawn by `draw_curves`
            assert imread(tmp_path / name).shape[0] > 200

    def test_texts_are_quoted_so_that_nothing_in_them_is_taken_for_markdown(self, page):
        assert r"> One \| two \*stars\* and \<b\> tags" in page.splitlines()
        assert f"> {'x' * 400} ..." in page.splitlines()
        assert r"bad\_one" in page
        assert "bad_one" not in page

    def test_warnings_stand_at_the_top(self, page):
        assert page.startswith("# sst-2, seed 1\n\n## Warnings\n\n- Beware!\n")

    def test_json_has_whole_texts_and_no_nan(self, page, tmp_path):
        content = (tmp_path / "report.json").read_text(encoding="utf-8")
        worst = json.loads(content, parse_constant=pytest.fail)["worst"]
        assert worst[0].keys() > {"truth", "prediction", "probability", "loss"}
        assert max(len(one["pair"] or "") for one in worst) == 1000

    def test_a_page_of_scores(self, tmp_path):
        examples = examples_of("sts-b", 30)
        scores = np.linspace(0, 5, 30)[:, None]
        report = write_report(tmp_path, "sts-b", (), examples, scores)
        page = (tmp_path / "report.md").read_text(encoding="utf-8")

        assert json_of(tmp_path / "report.json")["spearman"] == report.spearman
        assert "![predicted over true scores](scatter.png)" in page
        assert imread(tmp_path / "scatter.png").shape[0] > 400
        assert f"**{report.worst[0].index}**: {report.worst[0].prediction:.2f}, in truth" in page
