"""What is trained, and what it is trained with."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import torch

from minibert.model.bert import BertWithHead
from minibert.training.optimizer import make_optimizer
from minibert.training.precision import Precision
from minibert.training.processes import ALONE, Processes
from minibert.training.protocols import Task
from minibert.training.settings import Settings


@dataclass(frozen=True)
class Learner:
    """A model on its task, with all that a step needs."""

    model: BertWithHead[Any]
    task: Task
    settings: Settings
    precision: Precision
    processes: Processes
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler

    @classmethod
    def start(
        cls,
        model: BertWithHead[Any],
        task: Task,
        settings: Settings,
        precision: Precision,
        processes: Processes = ALONE,
    ) -> Self:
        """With a fresh optimizer."""
        optimizer, scaler = make_optimizer(model, settings), precision.scaler()
        return cls(model, task, settings, precision, processes, optimizer, scaler)


class Learnt(NamedTuple):
    """What one optimizer step has measured."""

    loss: float  # mean over what the task counts
    gradient_norm: float  # before shortening
    stepped: bool  # False where one of them was not finite

    def numbers(self, rate: float) -> dict[str, float]:
        """What the log has of it, with the rate of the step."""
        return {"loss": self.loss, "rate": rate, "gradient_norm": self.gradient_norm}
