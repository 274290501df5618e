"""Every setting of a fine-tuning run; the comments are the command line's help."""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

import tyro

from minibert.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all tasks share."""

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
    attention: Literal["auto", "math", "sdpa"] = "auto"  # how attention is computed
    epochs: int = 3  # passes over the training data; 2 to 4 are usual
    batch_size: int = 16  # examples in each step; 16 or 32 are usual
    max_length: int = 128  # word pieces of a text or pair; longer ones are cut, and counted
    # highest learning rate, reached when warm-up ends; 2e-5 to 5e-5 are usual
    learning_rate: Annotated[float, tyro.conf.arg(name="lr")] = 5e-5
    warmup: float = 0.1  # share of all steps over which the rate rises from 0
    weight_decay: float = 0.01  # pull towards zero on all weights but biases and LayerNorms
    seed: int = 0  # decides the fresh head, the order of examples and dropout
    seeds: tuple[int, ...] = ()  # several seeds, one run each, and their mean and deviation
    train_limit: int | None = None  # use only so many training examples, always the same ones
    tensorboard: bool = False  # write the log for TensorBoard too, into the run's tensorboard/

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, math.inf),
            ("batch_size", 1, math.inf),
            ("max_length", 5, math.inf),
            ("learning_rate", 0, 1),
            ("warmup", 0, 1),
            ("weight_decay", 0, math.inf),
            ("seed", 0, 2**63),
            ("seeds", 0, 2**63),
            ("train_limit", 1, math.inf),
        ):
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                if number is not None and not low <= number <= high:
                    bound = f"at least {low}" if high == math.inf else f"{low} to {high}"
                    raise ConfigError(f"{name} must be {bound}, not {number}")
        if len(set(self.seeds)) != len(self.seeds):
            raise ConfigError(f"seeds {self.seeds} names one twice")
        if self.data is not None and (self.train is not None or self.dev is not None):
            raise ConfigError("give either --data, or --train and --dev, not both")
        if (self.train is None) != (self.dev is None):
            raise ConfigError("--train and --dev belong together: give both")

    def as_json(self) -> dict[str, object]:
        """All settings with values that JSON has; paths in full, to be found from anywhere."""
        raw = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: str(v.absolute()) if isinstance(v, Path) else v for name, v in raw.items()}


@dataclass(frozen=True, kw_only=True)
class GlueSettings(Settings):
    """Fine-tune on a task of GLUE."""

    task: str  # sst-2, mrpc or sts-b
