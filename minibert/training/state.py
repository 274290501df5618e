"""Where a run stands between two steps."""

from dataclasses import dataclass


@dataclass
class State:
    """With weights, optimizer, scaler and the random generators this is all a run needs to go on.

    Rates and batches are functions of these numbers.
    """

    epoch: int = 1
    position: int = 0  # steps done in this epoch
    step: int = 0  # steps done in all
    examples: int = 0  # trained on
    tokens: int = 0  # trained on, without padding
    train_seconds: float = 0.0  # without evaluation
    best_score: float | None = None
    best_epoch: int = 0
    best_step: int = 0
    since_best: int = 0  # evaluations

    def is_best(self, score: float) -> bool:
        """Take an evaluation's score, higher is better; whether it is the best so far."""
        self.since_best += 1
        if self.best_score is not None and score <= self.best_score:
            return False
        self.best_score, self.since_best = score, 0
        self.best_epoch, self.best_step = self.epoch, self.step
        return True
