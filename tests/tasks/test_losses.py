"""Losses as sums with denominators: the formulas, and that cutting a batch changes nothing."""

import math

import pytest
import torch
from tiny_runs import SAMPLED, SIZES, features_of, tiny_tokenizer

from minibert import BertConfig, BertForSequenceClassification
from minibert.model.heads import Logits
from minibert.tasks.glue import task_named
from minibert.tasks.sequence import Batch

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
