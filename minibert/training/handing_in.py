"""Handing in to GLUE: a run's answers to the test sets, and the zip of all tasks."""

from collections.abc import Sequence
from pathlib import Path

from minibert.errors import DataError, MinibertError, RunError
from minibert.tasks import glue
from minibert.tasks.glue import GlueTask
from minibert.tasks.sources import Sources
from minibert.tasks.submission import check_submission, write_submission, zip_submission
from minibert.training.run import find_run
from minibert.training.saved import SavedRun, read_task


def submit(run: SavedRun, data: Path | None = None) -> list[Path]:
    """Write the files with a run's answers to GLUE's test sets into its folder `submission`.

    data: the folder with the test files, instead of the run's own. Of AX, which MNLI's runs
    answer too, it is said where its file is not there.
    """
    if not isinstance(run.task, GlueTask):
        raise RunError(f"{run.path} is a run of {run.task.name}, which GLUE does not ask for")
    sources = Sources(data or run.sources.data)
    answers = []
    for task, split, name in _asked(run.task):
        try:
            examples = task.examples(split, sources)
        except DataError as error:
            if task is run.task:
                raise
            print(f"{name} left out: {error}")
            continue
        answers.append((name, task, run.run(examples)))
    folder = run.path / "submission"
    folder.mkdir(exist_ok=True)
    for name, task, logits in answers:
        write_submission(folder / name, task, logits)
    return [folder / name for name, _, _ in answers]


def _asked(task: GlueTask) -> list[tuple[GlueTask, str, str]]:
    """The test splits that a task's run answers: (task, split, name of the file)."""
    return [
        (each, name, split.submission)
        for each in (task, *(glue.TASKS[other] for other in task.see_also))
        for name, split in each.splits.items()
        if split.submission
    ]


def submission(runs: Sequence[Path], target: Path, data: Path | None = None) -> list[str]:
    """Zip what these runs have written with `submit`; returns the files still missing.

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
