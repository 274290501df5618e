"""TensorBoard: the log's numbers for those who watch their runs there, beside log.jsonl."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from minibert.errors import ConfigError


def need_tensorboard() -> None:
    """Raises `ConfigError` with the command that installs TensorBoard, if it is not there."""
    if find_spec("tensorboard") is None:
        raise ConfigError(
            "--tensorboard needs the package tensorboard: pip install 'minibert[tensorboard]'"
        )


class Board:
    """Event files in a folder: `tensorboard --logdir runs` shows them."""

    def __init__(self, folder: Path):
        need_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder))

    def add(self, row: Mapping[str, Any]) -> None:
        """Every number of a row of log.jsonl, under its own name."""
        for name, value in row.items():
            if isinstance(value, Mapping):
                self.add({"step": row["step"], **{f"{name}/{k}": v for k, v in value.items()}})
            elif value is not None and name not in ("step", "epoch"):
                self._writer.add_scalar(name, value, row["step"])

    def close(self) -> None:
        """Write out what is still in memory."""
        self._writer.close()
