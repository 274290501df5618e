"""A finished run, loaded again: to evaluate it on any file, and to predict."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minibert.errors import DataError, RunError
from minibert.tasks import glue
from minibert.tasks.features import Example
from minibert.tasks.kinds import task_of
from minibert.tasks.ner.reading import Sentence
from minibert.tasks.ner.task import Tagged, TaggingTask
from minibert.tasks.ner.text import split
from minibert.tasks.sequence import Answer, SequenceTask
from minibert.tasks.sources import Sources
from minibert.tasks.squad.reading import Question
from minibert.tasks.squad.spans import Found
from minibert.tasks.squad.task import SquadTask
from minibert.tokenization import BertTokenizer
from minibert.training.evaluation import Evaluation, evaluate
from minibert.training.finetune import evaluate_more
from minibert.training.precision import choose_device, choose_precision
from minibert.training.protocols import FeatureSet, WholeTask
from minibert.training.run import find_run, is_complete, read_json


def read_task(path: Path) -> tuple[WholeTask, Sources, int]:
    """What a run was about, from its settings.json: task, sources and max_length.

    With what the run has chosen on the dev set, as its metrics.json says.
    """
    settings = read_json(path / "settings.json")
    chosen = read_json(path / "metrics.json").get("chosen", {}) if is_complete(path) else {}
    try:
        task: WholeTask = task_of(settings)
        return task.settled(chosen), Sources.of(settings), int(settings["max_length"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{path / 'settings.json'}: not a run's settings ({error})") from error


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
        self.task, self.sources, self.max_length = read_task(self.path)
        self.precision = choose_precision(precision, choose_device(device))
        model = self.task.model.from_pretrained(
            self.path, num_labels=self.task.num_labels, attention=attention
        )
        self.model = model.to(self.precision.device)
        self.tokenizer = BertTokenizer.from_pretrained(self.path)
        self.tokenizer.check_fits(model.config.vocab_size)

    def evaluate(
        self,
        data: Path | None = None,
        dev: Path | None = None,
        split: str = "dev",
        task: str | None = None,
    ) -> Evaluation:
        """Loss, metrics and doubts on a file, on a split in a folder, or on the run's own.

        task: another task of GLUE with the same classes; for a run of MNLI "ax", the diagnostic.
        """
        asked = self.task if task is None else self._other_task(task)
        sources = self.sources if data is None and dev is None else Sources(data, dev=dev)

        def features(split: str) -> FeatureSet:
            examples = asked.examples(split, sources)
            return asked.features(examples, self.tokenizer, self.max_length)

        wanted = features(split)
        if wanted.labels is None:
            raise DataError(f"the {split} examples of {asked.name} have no labels to compare with")
        result = evaluate(self.model, asked, wanted, self.precision)
        if split == "dev":
            more = {name: features(name) for name in asked.more_dev_splits(sources)}
            result.metrics.update(evaluate_more(self.model, asked, more, self.precision))
        doubts = asked.signs(result.outputs, wanted).all
        return result._replace(report=wanted.report(), doubts=doubts)

    def _other_task(self, name: str) -> WholeTask:
        other = glue.task_named(name)
        if other.label_names != self.task.label_names:
            raise RunError(f"{self.path} is a run of {self.task.name}: no answers for {other.name}")
        return other

    def predict(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None
    ) -> Sequence[Answer | Tagged]:
        """For each text, or pair of texts, a class or a score; or what is found in each text."""
        if isinstance(self.task, TaggingTask) and pairs is None:
            return self._tag(self.task, texts)
        if not isinstance(self.task, SequenceTask):
            raise self._wrongly_asked()
        if (pairs is None) == self.task.about_pairs:
            wanted, advice = "single texts", "leave out --text-pair"
            if self.task.about_pairs:
                wanted, advice = "pairs of texts", "give --text-pair as well"
            raise RunError(f"{self.task.name} is about {wanted}: {advice}")
        if pairs is not None and len(pairs) != len(texts):
            raise RunError(f"{len(texts)} texts and {len(pairs)} second texts make no pairs")
        seconds: Sequence[str | None] = pairs if pairs is not None else [None] * len(texts)
        examples = [Example(*both, None) for both in zip(texts, seconds, strict=True)]
        return [self.task.answer(logits) for logits in self.run(examples)]

    def _tag(self, task: TaggingTask, texts: Sequence[str]) -> list[Tagged]:
        divided = [split(text) for text in texts]
        for text in divided:
            if not text.words:
                raise DataError(f"there is no word in {text.text!r}")
        return task.entities(divided, self.run([Sentence(text.words) for text in divided]))

    def answer(self, questions: Sequence[str], context: str) -> list[Found]:
        """The answer to each question, of words of the context, which may be of any length."""
        if not isinstance(self.task, SquadTask):
            raise self._wrongly_asked()
        if not all(text.strip() for text in (*questions, context)):
            raise DataError("a question or its context is empty")
        asked = [Question(str(n), text, context, (), False) for n, text in enumerate(questions)]
        return self.task.answers(self.run(asked))

    def predict_file(self, source: Path, target: Path) -> int:
        """Answers for every example of a file in the task's layout, as `target`; how many."""
        return self._predict(self.task.read(source, labelled=False), target)

    def predict_split(self, split: str, target: Path, data: Path | None = None) -> int:
        """Answers for a split of the run's data, or of the folder `data`; how many."""
        sources = self.sources if data is None else Sources(data)
        return self._predict(self.task.examples(split, sources), target)

    def _predict(self, examples: list[Any], target: Path) -> int:
        if not target.parent.is_dir():
            raise RunError(f"{target}: there is no folder {target.parent}")
        self.task.write_predictions(target, examples, self.run(examples))
        return len(examples)

    def run(self, examples: Sequence[Any]) -> Any:
        """What the model makes of the examples, as the task's `collect` returns it."""
        features = self.task.features(examples, self.tokenizer, self.max_length)
        return evaluate(self.model, self.task, features, self.precision).outputs

    def _wrongly_asked(self) -> RunError:
        return RunError(f"{self.path} is a run of {self.task.name}: give it {self.task.takes}")
