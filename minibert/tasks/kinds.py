"""From a run's settings to its task: the one place that knows all kinds of task."""

from collections.abc import Mapping
from typing import Any

from minibert.errors import DataError
from minibert.tasks import glue, sentiment
from minibert.tasks.ner.reading import Columns
from minibert.tasks.ner.task import TaggingTask
from minibert.tasks.sequence import SequenceTask
from minibert.tasks.squad.task import SquadTask
from minibert.tasks.text import TextTask


def task_of(settings: Mapping[str, Any]) -> SequenceTask | SquadTask | TaggingTask:
    """The task that settings.json describes. Raises `DataError` if there is no such task."""
    kind = settings["kind"]
    if kind == "glue":
        return glue.task_named(settings["task"])
    if kind == "sentiment":
        return sentiment.task_named(settings["task"], settings["truncation"])
    if kind == "text":
        return TextTask.of(settings)
    if kind == "squad":
        return SquadTask(
            settings["version"],
            settings["doc_stride"],
            settings["max_query_length"],
            settings["max_answer_length"],
        )
    if kind == "ner":
        return TaggingTask(
            Columns(settings["word_column"], settings["tag_column"]),
            settings["document_context"],
            settings["constrained"],
            tuple(settings.get("label_names", ())),
        )
    raise DataError(f"no kind of task {kind!r}")
