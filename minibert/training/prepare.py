"""What the seeds of an experiment share, and the model each of them starts from."""

from typing import Any, NamedTuple

import torch

from minibert import checkpoint
from minibert.errors import ConfigError
from minibert.model.bert import BertWithHead
from minibert.model.heads import Classifier
from minibert.tasks.labels import fit_labels
from minibert.tasks.sources import Sources, limited
from minibert.tokenization import BertTokenizer
from minibert.training.evaluation import check_best_by
from minibert.training.parameters import reinitialise
from minibert.training.precision import Precision, choose_device, choose_precision
from minibert.training.protocols import FeatureSet, WholeTask
from minibert.training.settings import Settings

MOST_LINES = 5  # that are said of each set; the run has all of them


class Prepared(NamedTuple):
    """A task with its data, tokenized once."""

    task: WholeTask
    tokenizer: BertTokenizer
    precision: Precision
    train_set: FeatureSet
    dev_set: FeatureSet
    more_dev_sets: dict[str, FeatureSet]  # evaluated at the end; MNLI's mismatched one
    test_set: FeatureSet | None
    dev_examples: list[Any]

    def reports(self) -> tuple[str, str]:
        """What became of the training set and of the dev set: all that their features say."""
        return f"training   {self.train_set.report()}\n", f"dev        {self.dev_set.report()}\n"


def prepare(settings: Settings, task: WholeTask) -> Prepared:
    """Read and tokenize all data. Raises a `MinibertError` for anything wrong with it."""
    print(task.name)
    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device)
    tokenizer = BertTokenizer.from_pretrained(settings.model)
    sources = Sources.of(settings.as_json())
    task = task.prepared(sources)
    check_best_by(settings.best_by, task)

    def features(examples: list[Any], training: bool = False) -> FeatureSet:
        return task.features(examples, tokenizer, settings.max_length, training)

    train_examples = limited(task.examples("train", sources), settings.train_limit)
    train_set = features(train_examples, training=True)
    dev_examples = task.examples("dev", sources)
    dev_set = features(dev_examples)
    more = {s: features(task.examples(s, sources)) for s in task.more_dev_splits(sources)}
    test_set = None if settings.test is None else features(task.read(settings.test))
    assert train_set.labels is not None
    task = task.weighted(settings.class_weights, settings.label_smoothing, train_set.labels)
    made = Prepared(task, tokenizer, precision, train_set, dev_set, more, test_set, dev_examples)
    for lines in map(str.splitlines, made.reports()):
        print(*lines[:MOST_LINES], sep="\n")
        if len(lines) > MOST_LINES:
            print(f"({len(lines) - MOST_LINES} more lines in data.txt)")
    return made


def load_model(settings: Settings, prepared: Prepared) -> BertWithHead[Any]:
    """The model with its own head, or a fresh one drawn by the seed, on its device."""
    task = prepared.task
    torch.manual_seed(settings.seed)
    model = task.model.from_pretrained(
        settings.model,
        num_labels=task.num_labels,
        attention=settings.attention,
        new_head=settings.new_head,
        dropout=settings.dropout,
    )
    reinitialise(model, settings)
    model.bert.encoder.checkpointing = settings.gradient_checkpointing
    if settings.compile:
        model.compile(dynamic=True)  # in place: parameters keep their names
    prepared.tokenizer.check_fits(model.config.vocab_size)
    if settings.max_length > model.config.max_position_embeddings:
        raise ConfigError(
            f"max_length {settings.max_length} is more than the model's "
            f"{model.config.max_position_embeddings} positions"
        )
    return model.to(prepared.precision.device)


def name_labels(model: Classifier, names: tuple[str, ...], table: checkpoint.LoadTable) -> None:
    """Give the model the task's classes; a head that came with its own is put in their order."""
    if "classifier.weight" not in table.new:
        note = fit_labels(model.classifier, model.label_names, names)
        if note:
            print(f"labels     {note}")
    model.label_names = names
