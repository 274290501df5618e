"""Evaluation: in the examples' own order, however it is cut into batches, and without training."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from tiny_runs import GLUE, SAMPLED, examples_of, features_of, save_tiny_model
from torch.utils._python_dispatch import TorchDispatchMode

from minibert import BertForSequenceClassification, BertTokenizer
from minibert.tasks.features import Features
from minibert.tasks.glue import task_named
from minibert.training.evaluation import evaluate
from minibert.training.precision import Precision

PRECISION = Precision("float32", "", torch.device("cpu"))


@pytest.fixture(params=SAMPLED)
def task(request):
    return task_named(request.param)


@pytest.fixture(scope="module")
def body(tmp_path_factory, randomized):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"), randomize=randomized)


@pytest.fixture(scope="module")
def tokenizer(body):
    return BertTokenizer.from_pretrained(body)


@pytest.fixture
def model(body, task):
    torch.manual_seed(0)
    return BertForSequenceClassification.from_pretrained(body, task.num_labels).double()


def test_logits_stand_in_the_examples_own_order(task, model, tokenizer):
    features = features_of(task.name, 9, tokenizer)
    with torch.no_grad():
        alone = [model(**features.batch([row]).inputs).logits for row in range(9)]
    alone = torch.cat(alone).numpy()

    found = evaluate(model, task, features, PRECISION, batch_size=4)

    assert list(features.lengths) != sorted(features.lengths, reverse=True)
    assert found.outputs.shape == (9, task.num_labels)
    assert found.outputs == pytest.approx(alone, abs=1e-6)
    assert found.metrics == task.metrics(alone.astype(np.float32), features)


def test_the_batch_size_changes_nothing(task, model, tokenizer):
    features = features_of(task.name, 10, tokenizer)

    whole = evaluate(model, task, features, PRECISION)

    for batch_size in (1, 3, 10):
        found = evaluate(model, task, features, PRECISION, batch_size=batch_size)
        assert found.outputs == pytest.approx(whole.outputs, abs=1e-6)
        assert found.loss == pytest.approx(whole.loss, rel=1e-9)
        assert found.metrics == pytest.approx(whole.metrics, abs=1e-6)


def test_the_loss_is_the_mean_over_examples(task, model, tokenizer):
    """Not the mean of the batches' means: the last batch is smaller."""
    features = features_of(task.name, 7, tokenizer)
    found = evaluate(model, task, features, PRECISION, batch_size=3)
    logits, labels = torch.from_numpy(found.outputs).double(), features.labels

    if task.label_names:
        expected = torch.nn.functional.cross_entropy(logits, labels)
    else:
        expected = torch.nn.functional.mse_loss(logits[:, 0], labels.double())

    assert found.loss == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_evaluated_without_dropout_and_left_as_it_was(
    task, model, tokenizer, training
):
    features = features_of(task.name, 6, tokenizer)
    calm = evaluate(model.eval(), task, features, PRECISION)
    seen = []
    model.register_forward_hook(lambda module, *_: seen.append(module.training))

    found = evaluate(model.train(training), task, features, PRECISION)

    assert seen == [False]
    assert model.training is training
    assert found.outputs.tolist() == calm.outputs.tolist()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_without_labels_there_are_logits_alone(task, model, tokenizer):
    path = task.file(GLUE, "test")
    features = Features(task.read(path, labelled=False), tokenizer, 24)

    found = evaluate(model, task, features, PRECISION)

    assert len(found.outputs) == len(features)
    assert math.isnan(found.loss)
    assert found.metrics == {}


def test_one_example_is_enough(task, model, tokenizer):
    found = evaluate(model, task, Features(examples_of(task.name, 1), tokenizer, 24), PRECISION)

    assert all(math.isfinite(value) for value in found.metrics.values())


class Casts(TorchDispatchMode):
    """How often each tensor was turned into bfloat16."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._to_copy.default and kwargs.get("dtype") == torch.bfloat16:
            self.counts[id(args[0])] += 1
        return func(*args, **(kwargs or {}))


def test_weights_are_cast_once_however_many_batches_there_are(body, tokenizer):
    task = task_named("sst-2")
    model = BertForSequenceClassification.from_pretrained(body, task.num_labels)
    features = features_of(task.name, 9, tokenizer)
    with Casts() as casts:
        evaluate(model, task, features, Precision("bfloat16", "", PRECISION.device), batch_size=3)

    weights = [p for name, p in model.named_parameters() if name.endswith("query.weight")]
    assert [casts.counts[id(weight)] for weight in weights] == [1] * len(weights)
