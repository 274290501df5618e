"""The loop knows no task: here it learns to say of every word piece whether it begins a word."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_runs import MAX_LENGTH, features_of, json_lines, save_tiny_model, tiny_tokenizer

from minibert import BertForTokenClassification
from minibert.tasks.features import Batch
from minibert.tasks.losses import Weighting, weighted_cross_entropy
from minibert.training.batches import micro_batches
from minibert.training.learner import Learner
from minibert.training.loop import learn, train
from minibert.training.optimizer import set_rates
from minibert.training.precision import Precision
from minibert.training.run import RunDirectory
from minibert.training.settings import Settings

PRECISION = Precision("float32", "", torch.device("cpu"))


class Pieces:
    """Features whose labels are as ragged as the texts: is the piece's number even?"""

    def __init__(self, count, split="train"):
        self.texts = features_of("mrpc", count, tiny_tokenizer(), split)
        self.lengths = self.texts.lengths
        self.labels = [self.of(row) for row in range(count)]

    def __len__(self):
        return len(self.lengths)

    def of(self, row):
        start, end = self.texts.starts[row : row + 2]
        return self.texts.ids[start:end] % 2

    def packed(self, rows):
        inputs = self.texts.packed(rows).inputs
        return Batch(inputs, inputs["input_ids"] % 2)


class EvenPieces:
    """A token task, in as few words as the loop needs."""

    metric_names = ("accuracy",)
    weighting = Weighting((1.0, 3.0), 0.1)

    def loss(self, out, batch, training=False):
        weighting = self.weighting if training else Weighting()
        return weighted_cross_entropy(out.logits, batch.labels, weighting)

    def collect(self, found, features):
        guesses = {}
        for rows, out in found:
            for row, logits in zip(
                rows, out.logits.split(features.lengths[rows].tolist()), strict=True
            ):
                guesses[row] = logits.argmax(-1).numpy()
        return [guesses[row] for row in range(len(features))]

    def metrics(self, found, features):
        labels = features.labels
        assert [len(row) for row in found] == [len(row) for row in labels]
        return {"accuracy": float(np.mean(np.concatenate(found) == np.concatenate(labels)))}

    def score(self, metrics):
        return metrics["accuracy"]


@pytest.fixture(scope="module")
def source(tmp_path_factory, randomized):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"), randomize=randomized)


def test_a_token_task_learns_in_the_same_loop(source, tmp_path):
    torch.manual_seed(0)
    model = BertForTokenClassification.from_pretrained(source, num_labels=2)
    settings = Settings(
        epochs=8, batch_size=8, learning_rate=3e-2, batching="tokens",
        max_length=MAX_LENGTH, accumulation_steps=2, best_by="dev_loss",
    )  # fmt: skip
    with RunDirectory(tmp_path, settings.as_json()) as run:
        learner = Learner.start(model, EvenPieces(), settings, PRECISION)
        outcome = train(learner, Pieces(40), Pieces(10, "dev"), run, tiny_tokenizer())

    evaluations = [row for row in json_lines(tmp_path / "log.jsonl") if "dev_loss" in row]
    best = min(evaluations, key=lambda row: row["dev_loss"])
    assert (outcome.best_epoch, outcome.best_step) == (best["epoch"], best["step"])
    assert best["accuracy"] > evaluations[0]["accuracy"]
    assert best["dev_loss"] < 0.6
    assert Path(tmp_path / "model" / "model.safetensors").is_file()


def test_its_micro_batches_give_the_whole_batchs_gradient(source):
    """Divided by the tokens' weights of the whole step: parts have neither as many, nor equal."""
    features = Pieces(8)
    settings = Settings(dropout=0.0, clip_norm=0.0)

    def gradient(parts):
        torch.manual_seed(0)
        model = BertForTokenClassification.from_pretrained(source, num_labels=2, dropout=0.0)
        model.double().train()
        learner, seen = Learner.start(model, EvenPieces(), settings, PRECISION), []
        set_rates(learner.optimizer, 1.0)
        learner.optimizer.register_step_pre_hook(
            lambda *_: seen.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
        )
        learn(learner, map(features.packed, micro_batches(list(range(8)), parts)))
        return seen[0]

    whole = gradient(1)
    assert whole.abs().max() > 1e-3
    for parts in (2, 3, 4, 8):
        torch.testing.assert_close(gradient(parts), whole, atol=1e-12, rtol=0)
