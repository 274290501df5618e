"""Twenty optimizer steps of our loop against an independent one: every parameter, to 1e-9.

The other side is `transformers` with its own tokenizer, torch's AdamW and the linear schedule; or
AdamW and schedule as in google-research/bert, written out here. Of `minibert` it takes only the
saved model. Dropout is 0 and all is float64.
"""

import math

import pytest
import torch
import transformers
from safetensors.torch import load_file
from tiny_runs import GLUE, MAX_LENGTH, examples_of, features_of, json_lines, save_tiny_model

from minibert import BertForSequenceClassification, BertTokenizer
from minibert.checkpoint.names import theirs
from minibert.tasks.glue import task_named
from minibert.training.learner import Learner
from minibert.training.loop import train
from minibert.training.precision import Precision
from minibert.training.run import RunDirectory
from minibert.training.settings import GlueSettings

EXAMPLES, BATCH, EPOCHS, STEPS = 15, 4, 5, 20  # the last batch of each epoch holds three
RATE, DECAY, WARMUP = 0.02, 0.1, 0.25
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
every_kind = pytest.mark.parametrize("kind", ["standard", "google"])
every_task = pytest.mark.parametrize("name", ["sst-2", "mrpc", "sts-b"])


@pytest.fixture
def start(tmp_path, randomized, name):
    """A saved model with the task's head, from which both sides begin."""
    labels = task_named(name).num_labels
    return save_tiny_model(tmp_path / "start", labels, randomized, **NO_DROPOUT)


class GoogleAdam:
    """AdamWeightDecayOptimizer of google-research/bert, on parameters and rates one by one."""

    def __init__(self, groups):
        self.groups = groups
        self.slots = {p: [0.0, 0.0] for group in groups for p in group["params"]}
        self.step_number = 0

    @property
    def rate(self):
        """create_optimizer: polynomial decay from step 0, or in warm-up linearly up to it."""
        rising = int(WARMUP * STEPS)
        if self.step_number < rising:
            return RATE * self.step_number / rising
        return RATE * (1 - self.step_number / STEPS)

    @torch.no_grad()
    def step(self):
        for group in self.groups:
            for p in group["params"]:
                m, v = self.slots[p]
                next_m = 0.9 * m + 0.1 * p.grad
                next_v = 0.999 * v + 0.001 * p.grad**2
                update = next_m / (next_v**0.5 + 1e-6)
                update += group["weight_decay"] * p
                p -= self.rate * update
                self.slots[p] = [next_m, next_v]
        self.step_number += 1

    def zero_grad(self):
        for p in self.slots:
            p.grad = None


class TorchAdam:
    """torch's AdamW under the linear schedule of `transformers`, with the same methods."""

    def __init__(self, groups):
        self.adam = torch.optim.AdamW(groups, lr=RATE)
        self.schedule = transformers.get_linear_schedule_with_warmup(
            self.adam, math.ceil(WARMUP * STEPS), STEPS
        )

    @property
    def rate(self):
        return self.schedule.get_last_lr()[0]

    def step(self):
        self.adam.step()
        self.schedule.step()

    def zero_grad(self):
        self.adam.zero_grad()


def our_steps(name, start, folder, kind):
    """Parameters after our loop, under the names on disk; its log; the batches in their order."""
    task, tokenizer = task_named(name), BertTokenizer.from_pretrained(start)
    settings = GlueSettings(
        task=name, data=GLUE, epochs=EPOCHS, batch_size=BATCH, learning_rate=RATE,
        weight_decay=DECAY, warmup=WARMUP, max_length=MAX_LENGTH, seed=3, optimizer=kind,
    )  # fmt: skip
    model = BertForSequenceClassification.from_pretrained(start, task.num_labels).double()
    train_set = features_of(name, EXAMPLES, tokenizer)
    dev_set = features_of(name, 4, tokenizer, "dev")
    batches, cut = [], train_set.batch

    def batch(rows):
        batches.append(rows)
        return cut(rows)

    train_set.batch = batch
    precision = Precision("float32", "no autocast", torch.device("cpu"))
    with RunDirectory(folder, settings.as_json()) as run:
        learner = Learner.start(model, task, settings, precision)
        train(learner, train_set, dev_set, run, tokenizer)
    parameters = {theirs(ours): value for ours, value in model.state_dict().items()}
    log = [row for row in json_lines(folder / "log.jsonl") if "loss" in row]
    return parameters, log, batches


def their_steps(name, start, batches, kind):
    """The same without our code; returns parameters and [(loss, rate, norm)]."""
    examples = examples_of(name, EXAMPLES)
    tokenizer = transformers.AutoTokenizer.from_pretrained(start)
    model = transformers.BertForSequenceClassification.from_pretrained(
        start, dtype=torch.float64, attn_implementation="eager"
    ).train()
    plain = [p for n, p in model.named_parameters() if "LayerNorm" in n or n.endswith("bias")]
    decayed = [p for p in model.parameters() if not any(p is other for other in plain)]
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": plain, "weight_decay": 0.0}]
    optimizer = (GoogleAdam if kind == "google" else TorchAdam)(groups)
    log = []
    for rows in batches:
        chosen = [examples[row] for row in rows]
        pairs = [example.pair for example in chosen]
        inputs = tokenizer(
            [example.text for example in chosen],
            None if None in pairs else pairs,
            max_length=MAX_LENGTH,
            truncation=True,
            padding=True,
            return_tensors="pt",
        )
        labels = torch.tensor([example.label for example in chosen])
        loss = model(**inputs, labels=labels.double() if name == "sts-b" else labels).loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        log.append((loss.item(), optimizer.rate, norm.item()))
        optimizer.step()
        optimizer.zero_grad()
    return model.state_dict(), log


@every_kind
@every_task
def test_twenty_steps_equal_those_of_transformers(name, kind, start, tmp_path):
    before = load_file(start / "model.safetensors")

    ours, our_log, batches = our_steps(name, start, tmp_path / "run", kind)
    theirs, their_log = their_steps(name, start, batches, kind)

    assert [len(rows) for rows in batches] == [4, 4, 4, 3] * EPOCHS
    assert ours.keys() == theirs.keys()
    for parameter, value in theirs.items():
        assert ours[parameter].dtype == torch.float64
        assert (ours[parameter] - value).abs().max() < 1e-9, parameter
        moved = (value - before[parameter]).abs().max() > 1e-6
        assert moved or parameter.endswith("key.bias")  # which no softmax can see

    logged = [(row["loss"], row["rate"], row["gradient_norm"]) for row in our_log]
    assert torch.tensor(logged) == pytest.approx(torch.tensor(their_log), rel=1e-6)
    assert max(norm for _, _, norm in logged) > 1  # so that clipping had something to do
