"""What most tasks answer alike; a task that differs says so itself."""

from collections.abc import Mapping
from typing import Any, Self

from minibert.tasks.sources import Sources


class BaseTask:
    """The part of `training.protocols.WholeTask` that has a usual answer."""

    def prepared(self, sources: Sources) -> Self:
        """The task with what only its training data can tell, such as its classes: as it is."""
        return self

    def facts(self) -> dict[str, Any]:
        """What settings.json must hold, beside the settings, for the task to be made again."""
        return {}

    def more_dev_splits(self, sources: Sources) -> tuple[str, ...]:
        """Splits that are evaluated beside "dev": none."""
        return ()

    def chosen(self, found: Any) -> dict[str, float]:
        """What the dev set decides beside the model: nothing."""
        return {}

    def settled(self, chosen: Mapping[str, float]) -> Self:
        """The task with what its run has chosen so: as it is."""
        return self
