"""A finished run, loaded again: to evaluate it on any file, and to predict."""

from collections.abc import Sequence
from pathlib import Path

from minibert.errors import RunError
from minibert.model import BertForSequenceClassification
from minibert.tasks import glue
from minibert.tasks.sequence import Answer, Example, Features
from minibert.tokenization import BertTokenizer
from minibert.training.evaluation import Evaluation, evaluate
from minibert.training.precision import choose_device, choose_precision
from minibert.training.run import find_run, read_json


class SavedRun:
    """The model, tokenizer, task and settings of a run directory.

    `path` is the run's own; of several seeds that of the best on dev. Raises a `MinibertError` if
    the directory is no complete run.
    """

    def __init__(
        self,
        path: Path,
        device: str = "auto",
        precision: str = "auto",
        attention: str = "auto",
    ):
        self.path = find_run(path)
        settings = read_json(self.path / "settings.json")
        try:
            self.task = glue.task_named(settings["task"])
            self.max_length = int(settings["max_length"])
            self._own = {n: Path(settings[n]) if settings[n] else None for n in ("dev", "data")}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(
                f"{self.path / 'settings.json'}: not a run's settings ({error})"
            ) from error
        self.precision = choose_precision(precision, choose_device(device))
        model = BertForSequenceClassification.from_pretrained(
            self.path, num_labels=self.task.num_labels, attention=attention
        )
        self.model = model.to(self.precision.device)
        self.tokenizer = BertTokenizer.from_pretrained(self.path)
        self.tokenizer.check_fits(model.config.vocab_size)

    def evaluate(self, data: Path | None = None, dev: Path | None = None) -> Evaluation:
        """Loss and metrics on a file, on the dev set in a folder, or on the run's own dev set."""
        if dev is None and data is None:
            dev, data = self._own["dev"], self._own["data"]
        return self._run(self.task.examples("dev", dev, data))

    def predict(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> list[Answer]:
        """One answer for each text, or pair of texts."""
        wanted = len(self.task.columns)
        if (pairs is None) == (wanted == 2):
            raise RunError(
                f"{self.task.name} is about {'pairs of texts' if wanted == 2 else 'single texts'}: "
                f"{'give --text-pair as well' if wanted == 2 else 'leave out --text-pair'}"
            )
        if pairs is not None and len(pairs) != len(texts):
            raise RunError(f"{len(texts)} texts and {len(pairs)} second texts make no pairs")
        seconds: Sequence[str | None] = pairs if pairs is not None else [None] * len(texts)
        examples = [Example(*both, None) for both in zip(texts, seconds, strict=True)]
        return [self.task.answer(logits) for logits in self._run(examples).logits]

    def predict_file(self, source: Path, target: Path) -> int:
        """Answers for every row of a file in the task's layout, as `target`; returns how many."""
        if not target.parent.is_dir():
            raise RunError(f"{target}: there is no folder {target.parent}")
        examples = self.task.read(source, labelled=False)
        self.task.write_predictions(target, examples, self._run(examples).logits)
        return len(examples)

    def _run(self, examples: list[Example]) -> Evaluation:
        features = Features(examples, self.tokenizer, self.max_length)
        return evaluate(self.model, self.task, features, self.precision)
