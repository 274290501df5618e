"""A finished run, loaded again: to evaluate it on any file, to predict, to answer GLUE's tests."""

from collections.abc import Sequence
from pathlib import Path

from minibert.errors import DataError, MinibertError, RunError
from minibert.tasks import glue
from minibert.tasks.glue import GlueTask
from minibert.tasks.kinds import task_of
from minibert.tasks.sequence import Answer, Example, Features, SequenceTask
from minibert.tasks.sources import Sources
from minibert.tasks.submission import check_submission, write_submission, zip_submission
from minibert.tokenization import BertTokenizer
from minibert.training.evaluation import Evaluation, evaluate
from minibert.training.finetune import evaluate_more
from minibert.training.precision import choose_device, choose_precision
from minibert.training.reports.health import find_doubts
from minibert.training.run import find_run, read_json


def read_task(path: Path) -> tuple[SequenceTask, Sources, int]:
    """What a run was about, from its settings.json: task, sources and max_length."""
    settings = read_json(path / "settings.json")
    try:
        return task_of(settings), Sources.of(settings), int(settings["max_length"])
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

        def features(split: str) -> Features:
            examples = asked.examples(split, sources)
            return asked.features(examples, self.tokenizer, self.max_length)

        wanted = features(split)
        if wanted.labels is None:
            raise DataError(f"the {split} examples of {asked.name} have no labels to compare with")
        found = evaluate(self.model, asked, wanted, self.precision)
        if split == "dev":
            more = {name: features(name) for name in asked.more_dev_splits(sources)}
            found.metrics.update(evaluate_more(self.model, asked, more, self.precision))
        doubts = find_doubts(asked.label_names, found.logits, wanted.labels.numpy())
        return found._replace(doubts=tuple(doubts))

    def _other_task(self, name: str) -> GlueTask:
        other = glue.task_named(name)
        if other.label_names != self.task.label_names:
            raise RunError(f"{self.path} is a run of {self.task.name}: no answers for {other.name}")
        return other

    def predict(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> list[Answer]:
        """One answer for each text, or pair of texts."""
        if (pairs is None) == self.task.about_pairs:
            wanted, advice = "single texts", "leave out --text-pair"
            if self.task.about_pairs:
                wanted, advice = "pairs of texts", "give --text-pair as well"
            raise RunError(f"{self.task.name} is about {wanted}: {advice}")
        if pairs is not None and len(pairs) != len(texts):
            raise RunError(f"{len(texts)} texts and {len(pairs)} second texts make no pairs")
        seconds: Sequence[str | None] = pairs if pairs is not None else [None] * len(texts)
        examples = [Example(*both, None) for both in zip(texts, seconds, strict=True)]
        return [self.task.answer(logits) for logits in self._run(examples).logits]

    def predict_file(self, source: Path, target: Path) -> int:
        """Answers for every row of a file in the task's layout, as `target`; returns how many."""
        return self._predict(self.task.read(source, labelled=False), target)

    def predict_split(self, split: str, target: Path, data: Path | None = None) -> int:
        """Answers for a split of the run's data, or of the folder `data`; returns how many."""
        sources = self.sources if data is None else Sources(data)
        return self._predict(self.task.examples(split, sources), target)

    def _predict(self, examples: list[Example], target: Path) -> int:
        if not target.parent.is_dir():
            raise RunError(f"{target}: there is no folder {target.parent}")
        self.task.write_predictions(target, examples, self._run(examples).logits)
        return len(examples)

    def submit(self, data: Path | None = None) -> list[Path]:
        """The files with this run's answers to GLUE's test sets, in the folder `submission`.

        data: the folder with the test files, instead of the run's own. Of AX, which MNLI's runs
        answer too, it is said where its file is not there.
        """
        if not isinstance(self.task, GlueTask):
            raise RunError(f"{self.path} is a run of {self.task.name}, which GLUE does not ask for")
        sources = Sources(data or self.sources.data)
        answers = []
        for task, split, name in _asked(self.task):
            try:
                examples = task.examples(split, sources)
            except DataError as error:
                if task is self.task:
                    raise
                print(f"{name} left out: {error}")
                continue
            answers.append((name, task, self._run(examples).logits))
        folder = self.path / "submission"
        folder.mkdir(exist_ok=True)
        for name, task, logits in answers:
            write_submission(folder / name, task, logits)
        return [folder / name for name, _, _ in answers]

    def _run(self, examples: list[Example]) -> Evaluation:
        features = self.task.features(examples, self.tokenizer, self.max_length)
        return evaluate(self.model, self.task, features, self.precision)


def _asked(task: GlueTask) -> list[tuple[GlueTask, str, str]]:
    """The test splits that a task's run answers: (task, split, name of the file)."""
    return [
        (each, name, split.submission)
        for each in (task, *(glue.TASKS[other] for other in task.see_also))
        for name, split in each.splits.items()
        if split.submission
    ]


def submission(runs: Sequence[Path], target: Path, data: Path | None = None) -> list[str]:
    """Zip what these runs have written with `SavedRun.submit`; returns the files still missing.

    Every file is checked against its test set (`data`, or where the run's data was): rows, header
    and labels. Raises a `MinibertError` naming file and line.
    """
    if not runs:
        raise RunError("name the runs to submit, one for each task")
    files: dict[str, Path] = {}
    for run in map(find_run, runs):
        task, sources, _ = read_task(run)
        if not isinstance(task, GlueTask):
            raise RunError(f"{run} is a run of {task.name}, which GLUE does not ask for")
        there = [asked for asked in _asked(task) if (run / "submission" / asked[2]).is_file()]
        if not there:
            raise RunError(
                f"{run}: no answers yet; write them with minibert predict {run} --split test "
                "--submission"
            )
        for each, split, name in there:
            if name in files:
                raise MinibertError(f"both {files[name].parent.parent} and {run} answer {name}")
            rows = len(each.examples(split, Sources(data or sources.data)))
            files[name] = run / "submission" / name
            check_submission(files[name], each, rows)
    if not target.parent.is_dir():
        raise RunError(f"{target}: there is no folder {target.parent}")
    return zip_submission(files, target)
