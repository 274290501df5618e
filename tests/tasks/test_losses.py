"""Losses as sums with denominators: the formulas, and that cutting a batch changes nothing."""

import math

import numpy as np
import pytest
import torch
from tiny_runs import SAMPLED, SIZES, features_of, tiny_tokenizer

from minibert import BertConfig, BertForSequenceClassification
from minibert.errors import ConfigError
from minibert.model.heads import Logits
from minibert.tasks.features import Batch
from minibert.tasks.glue import task_named
from minibert.tasks.losses import Weighting, balanced_weights, weighted_cross_entropy

every_task = pytest.mark.parametrize("name", SAMPLED)


def batch_of(*labels):
    return Batch({}, torch.tensor(labels))


def test_classification_by_hand():
    """-log softmax of the right class, summed: classes 0 and 1 of three to one odds."""
    logits = torch.tensor([[math.log(3.0), 0.0], [math.log(3.0), 0.0]])

    loss = task_named("sst-2").loss(Logits(logits), batch_of(0, 1))

    assert loss.total.item() == pytest.approx(-math.log(3 / 4) - math.log(1 / 4))
    assert loss.denominator == 2


def test_regression_by_hand():
    logits = torch.tensor([[1.0], [4.0], [2.0]])

    loss = task_named("sts-b").loss(Logits(logits), batch_of(0.5, 4.0, 5.0))

    assert loss.total.item() == pytest.approx(0.25 + 0 + 9)
    assert loss.denominator == 3


@every_task
def test_low_precision_logits_are_summed_in_float32(name):
    task = task_named(name)
    logits = torch.randn(8, task.num_labels, generator=torch.Generator().manual_seed(0))
    labels = torch.ones(8, dtype=torch.int64 if task.label_names else torch.float32)

    low = task.loss(Logits(logits.bfloat16()), Batch({}, labels)).total
    same = task.loss(Logits(logits.bfloat16().float()), Batch({}, labels)).total

    assert low.dtype == torch.float32
    assert low == same


def test_an_unlabelled_batch_has_no_loss():
    with pytest.raises(AssertionError, match="unlabelled"):
        task_named("sst-2").loss(Logits(torch.zeros(1, 2)), Batch({}, None))


@every_task
def test_micro_batches_give_the_whole_batchs_gradient(name):
    """1 x 8, 2 x 4, 8 x 1 and a ragged cut, on examples of many lengths, in float64."""
    task, tokenizer = task_named(name), tiny_tokenizer()
    features = features_of(name, 8, tokenizer)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=tokenizer.vocab_size, **SIZES)
    model = BertForSequenceClassification(config, num_labels=task.num_labels).double().eval()

    def gradient(sizes):
        model.zero_grad()
        batches = [features.batch(rows.tolist()) for rows in torch.arange(8).split(sizes)]
        losses = [task.loss(model(**batch.inputs), batch) for batch in batches]
        (sum(loss.total for loss in losses) / sum(loss.denominator for loss in losses)).backward()
        return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])

    whole = gradient([8])

    assert len(set(features.lengths)) > 3
    assert whole.abs().max() > 1e-3
    for sizes in ([4, 4], [1] * 8, [5, 3]):
        torch.testing.assert_close(gradient(sizes), whole, atol=1e-12, rtol=0)


class TestWeighting:
    LOGITS = torch.randn(9, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    LABELS = torch.tensor([0, 2, 1, 1, -100, 0, 2, 2, -100])

    @pytest.mark.parametrize(
        "weighting", [Weighting(), Weighting((0.5, 1, 3)), Weighting(label_smoothing=0.1)], ids=str
    )
    def test_each_alone_is_torchs_mean(self, weighting):
        weights, smoothing = weighting
        by_class = torch.tensor(weights, dtype=torch.float64) if weights else None
        theirs = torch.nn.functional.cross_entropy(
            self.LOGITS, self.LABELS, by_class, label_smoothing=smoothing
        )

        loss = weighted_cross_entropy(self.LOGITS, self.LABELS, weighting)

        assert (loss.total / loss.denominator).item() == pytest.approx(theirs.item(), rel=1e-12)

    def test_both_together_by_hand(self):
        """Two classes, smoothing 0.2: targets 0.9 and 0.1. Class 1 weighs three."""
        odds = torch.tensor([[math.log(3.0), 0.0]] * 2)
        likely, unlikely = -math.log(3 / 4), -math.log(1 / 4)

        loss = weighted_cross_entropy(odds, torch.tensor([0, 1]), Weighting((1, 3), 0.2))

        total = (0.9 * likely + 0.1 * unlikely) + 3 * (0.9 * unlikely + 0.1 * likely)
        assert loss.total.item() == pytest.approx(total)
        assert loss.denominator == 4

    def test_tokens_are_counted_like_examples(self):
        weighting = Weighting((0.5, 1, 3), 0.1)
        flat = weighted_cross_entropy(self.LOGITS, self.LABELS, weighting)

        shaped = weighted_cross_entropy(
            self.LOGITS.view(3, 3, 3), self.LABELS.view(3, 3), weighting
        )

        torch.testing.assert_close(tuple(shaped), tuple(flat))

    def test_balanced_weights_are_scikit_learns(self):
        from sklearn.utils.class_weight import compute_class_weight

        labels = torch.tensor([0, 1, 1, 1, 2, 1, 0, 1, -100])
        theirs = compute_class_weight("balanced", classes=np.arange(3), y=labels[:-1].numpy())

        assert balanced_weights(labels, 3) == pytest.approx(theirs.tolist())
        assert balanced_weights(labels, 4)[3] == 0.0  # never occurs, never looked up

    def test_balanced_every_class_counts_the_same_in_total(self):
        labels = torch.tensor([0] * 7 + [1] * 3)
        task = task_named("sst-2").weighted("balanced", 0.0, labels)
        weights = torch.tensor(task.weighting.class_weights)[labels]

        assert weights[:7].sum() == pytest.approx(weights[7:].sum())
        assert weights.sum() == pytest.approx(10)

    def test_they_hold_in_training_alone(self):
        task = task_named("sst-2").weighted((1.0, 3.0), 0.2, torch.tensor([0, 1]))
        out, batch = Logits(torch.tensor([[2.0, 0.0], [0.0, 1.0]])), batch_of(0, 0)

        assert task.loss(out, batch) == task_named("sst-2").loss(out, batch)
        assert task.loss(out, batch, training=True).total != task.loss(out, batch).total

    @pytest.mark.parametrize(
        ("name", "wanted", "complaint"),
        [
            ("sts-b", ("balanced", 0.0), "sts-b predicts a score"),
            ("sts-b", ((), 0.1), "sts-b predicts a score"),
            (
                "sst-2",
                ((1.0, 2.0, 3.0), 0.0),
                "3 class weights for sst-2, which has 2 classes: neg",
            ),
        ],
        ids=str,
    )
    def test_what_a_task_has_no_classes_for(self, name, wanted, complaint):
        with pytest.raises(ConfigError, match=complaint):
            task_named(name).weighted(*wanted, torch.tensor([0, 1]))
