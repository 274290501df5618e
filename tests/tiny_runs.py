"""A tiny model with its tokenizer on disk, and small data, for tests that fine-tune."""

import json
from functools import cache

import torch
from conftest import ROOT

from minibert import BertConfig, BertForSequenceClassification, BertTokenizer
from minibert.tasks.features import Features
from minibert.tasks.glue import task_named
from minibert.training import loop
from minibert.training.learner import Learner
from minibert.training.precision import Precision
from minibert.training.run import RunDirectory
from minibert.training.settings import GlueSettings

GLUE = ROOT / "data" / "glue"
SAMPLED = ("sst-2", "mrpc", "sts-b")  # a sentence, a pair, a score
MAX_LENGTH = 64  # shorter than some of the pairs
SIZES = {
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 72,
    "initializer_range": 0.2,  # wide enough for gradients to be seen
}


@cache
def tiny_tokenizer():
    """A tokenizer of the sample data's own words."""
    texts = []
    for name in SAMPLED:
        for example in examples_of(name, None):
            texts += [example.text, example.pair or ""]
    return BertTokenizer.train(texts, vocab_size=2000, min_frequency=1)


def save_tiny_model(directory, num_labels=None, randomize=lambda model: model, **changes):
    """Random weights and a tokenizer of its own in `directory`; no head unless `num_labels`."""
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    config = BertConfig(**{"vocab_size": tokenizer.vocab_size, **SIZES, **changes})
    model = randomize(BertForSequenceClassification(config, num_labels=num_labels or 2))
    if num_labels is None:
        model.bert.save_pretrained(directory, tokenizer)
    else:
        model.save_pretrained(directory, tokenizer)
    return directory


def examples_of(name, count, split="train"):
    """The first examples of a task's sample file."""
    task = task_named(name)
    return task.read(task.file(GLUE, split))[:count]


def features_of(name, count, tokenizer, split="train", max_length=MAX_LENGTH):
    return Features(examples_of(name, count, split), tokenizer, max_length)


def small_data(folder, name="SST-2", train=12, dev=6):
    """A folder with the first rows of a task's sample files, as `--data` takes it."""
    folder.mkdir()
    for split, count in (("train", train), ("dev", dev)):
        lines = (GLUE / name / f"{split}.tsv").read_bytes().split(b"\n")
        (folder / f"{split}.tsv").write_bytes(b"\n".join(lines[: count + 1]) + b"\n")
    return folder


def tiny_settings(model, data, output, **changes):
    """Settings of a run that takes a second."""
    usual = {"task": "sst-2", "device": "cpu", "precision": "float32", "max_length": MAX_LENGTH}
    usual |= {"epochs": 2, "batch_size": 4, "learning_rate": 1e-2}
    return GlueSettings(**{**usual, "model": str(model), "data": data, "output": output, **changes})


def json_of(path):
    return json.loads(path.read_text(encoding="utf-8"))


def json_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class Training:
    """One training of a tiny model on ten examples, with its parts at hand."""

    def __init__(self, source, folder, name="sst-2", precision="float32", **changes):
        self.task, self.folder, self.tokenizer = task_named(name), folder, tiny_tokenizer()
        usual = {"epochs": 3, "batch_size": 4, "learning_rate": 1e-2}
        self.settings = GlueSettings(task=name, data=GLUE, **{**usual, **changes})
        self.precision = Precision(precision, "", torch.device("cpu"))
        self.train_set = features_of(name, 10, self.tokenizer)
        self.dev_set = features_of(name, 6, self.tokenizer, "dev")
        torch.manual_seed(0)
        self.model = BertForSequenceClassification.from_pretrained(
            source, self.task.num_labels, dropout=self.settings.dropout
        )

    def start(self):
        """The learner, with a fresh optimizer."""
        self.learner = Learner.start(self.model, self.task, self.settings, self.precision)
        return self.learner

    def run(self):
        with RunDirectory(self.folder, self.settings.as_json()) as run:
            return loop.train(self.start(), self.train_set, self.dev_set, run, self.tokenizer)

    def log(self):
        return json_lines(self.folder / "log.jsonl")
