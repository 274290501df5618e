"""Every setting of a fine-tuning run; the comments are the command line's help."""

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import tyro

from minibert.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all tasks share."""

    needs_dev: ClassVar[bool] = True  # whether --train alone is too little

    data: Path | None = None  # folder with the task's files; without it they come from the hub
    train: Path | None = None  # a training file, instead of --data
    dev: Path | None = None  # a file to evaluate on, instead of --data
    test: Path | None = None  # a labelled file on which the best model is scored at the end
    model: str = "minilm"  # weights to start from: a directory, a run, "minilm", or a hub id
    new_head: bool = False  # start from a fresh head even where the weights have one
    output: Path | None = None  # folder for the run; default runs/TASK
    overwrite: bool = False  # replace a run that is already there
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"  # auto: cuda, else mps, else cpu
    # numbers to compute in; auto: bfloat16 where the device is fast at it, else float32
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    attention: Literal["auto", "math", "sdpa", "fused"] = "auto"  # how attention is computed
    epochs: int = 3  # passes over the training data; 2 to 4 are usual
    batch_size: int = 16  # examples that each step learns from; 16 or 32 are usual
    # memory too small: cut each batch into so many parts, one after the other; the gradient is that
    # of the whole, but for what dropout draws
    accumulation_steps: int = 1
    gradient_checkpointing: bool = False  # memory too small: compute layers twice, keep less
    compile: bool = False  # long runs: translate the model first, which takes a minute
    # how batches are made (none of them holds padding): random; bucket, texts of like length
    # together, as other libraries do to save it, for comparison; tokens, like bucket, with more
    # examples where texts are short, as many as fill batch-size times max-length tokens
    batching: Literal["random", "bucket", "tokens"] = "random"
    max_length: int = 128  # word pieces of a text or pair; longer ones are cut, and counted
    # highest learning rate, reached when warm-up ends; 2e-5 to 5e-5 are usual
    learning_rate: Annotated[float, tyro.conf.arg(name="lr")] = 5e-5
    # the head's own highest rate, such as 1e-3: a fresh head has more to learn than the body
    head_learning_rate: Annotated[float | None, tyro.conf.arg(name="head-lr")] = None
    # a rate for each layer, this factor times that of the layer above: 0.9 or so on small data,
    # where the lower layers should stay as they were pretrained
    layer_decay: float = 1.0
    warmup: float = 0.1  # share of all steps over which the rate rises from 0
    # how the rate falls after that: linear is BERT's way; constant to go on for as long as it helps
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    # AdamW: standard, with bias correction, is the stable one; google is BERT's own, without it,
    # and with a rate that falls from the first step on: to repeat Google's results
    optimizer: Literal["standard", "google"] = "standard"
    weight_decay: float = 0.01  # pull towards zero on all weights but biases and LayerNorms
    clip_norm: float = 1.0  # longer gradients are shortened to this length; 0: never
    # dropout everywhere, instead of the model's own three (hidden states, attention, head): more
    # against overfitting, 0 to repeat a calculation exactly
    dropout: float | None = None
    # share of each label that all classes divide among them, such as 0.1: labels are noisy, or the
    # model is too sure of itself
    label_smoothing: float = 0.0
    # how much an example of each class counts, in the classes' order, or balanced, where every
    # class counts the same in total: some classes are rare, and matter
    class_weights: Literal["balanced"] | tuple[float, ...] = ()
    # what is not trained: the embeddings, so many of the first layers and the embeddings, or the
    # whole body: little data, little memory, or to see what pretraining alone is worth
    freeze: Literal["embeddings", "body"] | int | None = None
    unfreeze_at: int | None = None  # from this epoch on, 2 or later, all is trained: head first
    # start so many of the top layers, and the pooler, afresh: small data, and seeds differ a lot
    reinit_layers: int = 0
    evaluate_every: int | None = None  # evaluate every so many steps too: epochs are long
    # stop after so many evaluations in a row that were not the best: how many epochs is unknown
    early_stopping: int | None = None
    # the dev figure that decides which model is kept, and when to stop: a metric of the task, or
    # dev_loss (less is better); without it the task's first metric
    best_by: str | None = None
    seed: int = 0  # decides the fresh head, the order of examples and dropout
    seeds: tuple[int, ...] = ()  # several seeds, one run each, and their mean and deviation
    train_limit: int | None = None  # use only so many training examples, always the same ones
    tensorboard: bool = False  # write the log for TensorBoard too, into the run's tensorboard/
    # save all that is needed to go on, every so many steps: long runs on machines that may stop.
    # SIGTERM, SIGUSR1 and Ctrl-C save in any case
    checkpoint_every: int | None = None
    keep_checkpoints: int = 2  # how many of these to keep, the newest
    # go on with a run that was stopped: auto, from its newest checkpoint if there is one, or from a
    # checkpoint's folder
    resume: str | None = None
    # where a loss or gradient is no number: leave the batch out and go on, instead of stopping
    skip_bad_batches: bool = False
    # before the first run, or when nothing is learnt: train on one batch alone, and say whether the
    # loss gets near zero, as it must; leaves no run
    overfit_batch: bool = False
    # before a long run: raise the rate from step to step, draw what the loss does (lr_range.png),
    # and suggest a rate; trains nothing else
    lr_range_test: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, math.inf),
            ("batch_size", 1, math.inf),
            ("accumulation_steps", 1, self.batch_size),
            ("max_length", 5, math.inf),
            ("learning_rate", 0, 1),
            ("head_learning_rate", 0, 1),
            ("layer_decay", 0, 1),
            ("warmup", 0, 1),
            ("weight_decay", 0, math.inf),
            ("clip_norm", 0, math.inf),
            ("dropout", 0, 1),
            ("label_smoothing", 0, 1),
            ("class_weights", 0, math.inf),
            ("freeze", 1, math.inf),
            ("unfreeze_at", 2, self.epochs),
            ("reinit_layers", 0, math.inf),
            ("evaluate_every", 1, math.inf),
            ("checkpoint_every", 1, math.inf),
            ("keep_checkpoints", 1, math.inf),
            ("early_stopping", 1, math.inf),
            ("seed", 0, 2**63),
            ("seeds", 0, 2**63),
            ("train_limit", 1, math.inf),
        ):
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                if number is not None and not isinstance(number, str) and not low <= number <= high:
                    bound = f"at least {low}" if high == math.inf else f"{low} to {high}"
                    raise ConfigError(f"{name} must be {bound}, not {number}")
        if self.unfreeze_at is not None and self.freeze is None:
            raise ConfigError("unfreeze_at needs something that is frozen until then: --freeze")
        if self.overfit_batch and self.lr_range_test:
            raise ConfigError("give either --overfit-batch or --lr-range-test, not both")
        if len(set(self.seeds)) != len(self.seeds):
            raise ConfigError(f"seeds {self.seeds} names one twice")
        if self.data is not None and (self.train is not None or self.dev is not None):
            raise ConfigError("give either --data, or --train and --dev, not both")
        if self.needs_dev and (self.train is None) != (self.dev is None):
            raise ConfigError("--train and --dev belong together: give both")

    def as_json(self) -> dict[str, object]:
        """All settings with values that JSON has; paths in full, to be found from anywhere."""
        raw = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: str(v.absolute()) if isinstance(v, Path) else v for name, v in raw.items()}


@dataclass(frozen=True, kw_only=True)
class GlueSettings(Settings):
    """Fine-tune on a task of GLUE."""

    task: str  # cola, sst-2, mrpc, sts-b, qqp, mnli, qnli, rte or wnli
    kind: str = field(default="glue", init=False)


@dataclass(frozen=True, kw_only=True)
class TextSettings(Settings):
    """Fine-tune on texts of your own: CSV, TSV, JSONL or Parquet."""

    needs_dev = False

    text_column: str = "text"  # the column of the texts
    pair_column: str | None = None  # the column of second texts, if each example is a pair
    label_column: str = "label"  # the column of the classes or scores
    regression: bool = False  # the labels are scores, not classes
    dev_share: float = 0.1  # of the training rows, held out where no dev file is given
    split_seed: int = 0  # decides which rows are held out
    task: str = field(default="text", init=False)
    kind: str = field(default="text", init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.dev_share < 1:
            raise ConfigError(f"dev_share must lie between 0 and 1, not {self.dev_share}")
        if self.dev is not None and self.train is None:
            raise ConfigError("--dev needs --train beside it")
        columns = (self.text_column, self.pair_column, self.label_column)
        if len(set(columns)) < len(columns):
            raise ConfigError(f"the columns {', '.join(map(repr, columns))} must differ")


@dataclass(frozen=True, kw_only=True)
class SentimentSettings(Settings):
    """Fine-tune on the sentiment of film reviews."""

    task: str  # imdb, sst-5 or cfimdb
    # what is kept of a text longer than --max-length: its beginning, its end, or a quarter of the
    # beginning and three quarters of the end (best on IMDb in Sun et al. 2019)
    truncation: Literal["head", "tail", "head-tail"] = "head"
    kind: str = field(default="sentiment", init=False)


@dataclass(frozen=True, kw_only=True)
class SquadSettings(Settings):
    """Fine-tune on SQuAD."""

    # 1.1, where every question has an answer, or 2.0, where some have none
    version: Literal["1.1", "2.0"]
    epochs: int = 2  # passes over the training data; 2 are usual
    max_length: int = 384  # word pieces of a window: question and context together
    # word pieces from one window of a long context to the next (tokenizers' and transformers'
    # `stride` is what two windows share)
    doc_stride: int = 128
    max_query_length: int = 64  # word pieces of a question; longer ones are cut, and counted
    max_answer_length: int = 30  # word pieces that an answer may have
    kind: str = field(default="squad", init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("doc_stride", "max_query_length", "max_answer_length"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class NerSettings(Settings):
    """Fine-tune on tagged words: names of persons and places, or what else a column says of them.

    Of the files in --data, train.txt and dev.txt or eng.train and eng.testa are taken.
    """

    # where the words stand: a column's number, from 1, or a field of JSON lines; first column, or
    # words or tokens, if not given
    word_column: str | None = None
    # where their tags stand, such as 2 for CoNLL-2003's parts of speech; last column, or tags or
    # ner_tags, if not given
    tag_column: str | None = None
    # fill the room that a sentence leaves with the sentences around it in its document: slower
    document_context: bool = False
    constrained: bool = False  # predict only sequences of tags that are legal, such as no O I-PER
    task: str = field(default="ner", init=False)
    kind: str = field(default="ner", init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.document_context and self.train_limit is not None:
            raise ConfigError(
                "--document-context needs whole documents, and --train-limit takes single sentences"
            )
