"""The command line: parse, call, print. What is heavy is imported when a command uses it."""

import sys
from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import Positional, arg
from tyro.extras import SubcommandApp

import minibert
from minibert import checkpoint, course, lens, model, training
from minibert.errors import MinibertError
from minibert.tasks import read_text, squad
from minibert.training.settings import (
    GlueSettings,
    NerSettings,
    SentimentSettings,
    SquadSettings,
    TextSettings,
)

# What stands without a flag, by the names that help and documentation give it.
Run = Positional[Annotated[Path, arg(metavar="RUN")]]
Runs = Positional[Annotated[tuple[Path, ...], arg(metavar="RUN [RUN ...]")]]
Source = Positional[Annotated[str, arg(metavar="SOURCE")]]
Target = Positional[Annotated[Path, arg(metavar="TARGET")]]
Words = Positional[Annotated[str, arg(metavar="TEXT")]]
File = Positional[Annotated[Path, arg(metavar="FILE")]]
Files = Positional[Annotated[tuple[Path, ...], arg(metavar="[FILE ...]")]]
Dataset = Positional[Annotated[Path, arg(metavar="DATASET")]]
Predictions = Positional[Annotated[Path, arg(metavar="PREDICTIONS")]]
Chapter = Positional[Annotated[str, arg(metavar="CHAPTER")]]

Device = Literal["auto", "cpu", "cuda", "mps"]
PrecisionName = Literal["auto", "float32", "bfloat16", "float16"]
Attention = Literal["auto", "math", "sdpa", "fused"]
Head = Literal[
    "none",
    "pretraining",
    "masked-lm",
    "next-sentence",
    "sequence-classification",
    "multiple-choice",
    "token-classification",
    "question-answering",
]

app = SubcommandApp()
finetune = SubcommandApp()
app.command(finetune, name="finetune", help="Fine-tune a pretrained BERT.")
benchmark = SubcommandApp()
app.command(benchmark, name="glue", help="Hand in answers to the GLUE benchmark.")
questions = SubcommandApp()
app.command(questions, name="squad", help="Score answers to SQuAD, and look at its windows.")


@finetune.command
def glue(settings: Annotated[GlueSettings, tyro.conf.arg(name="")]) -> None:
    """Fine-tune on a task of the GLUE benchmark."""
    training.fine_tune(settings)


@finetune.command
def text(settings: Annotated[TextSettings, tyro.conf.arg(name="")]) -> None:
    """Fine-tune on texts of your own: CSV, TSV, JSONL or Parquet."""
    training.fine_tune(settings)


@finetune.command
def sentiment(settings: Annotated[SentimentSettings, tyro.conf.arg(name="")]) -> None:
    """Fine-tune on film reviews: IMDb, SST-5 or CFIMDB."""
    training.fine_tune(settings)


@finetune.command(name="squad")
def finetune_squad(settings: Annotated[SquadSettings, tyro.conf.arg(name="")]) -> None:
    """Fine-tune on SQuAD 1.1 or 2.0: find the words of a passage that answer a question."""
    training.fine_tune(settings)


@finetune.command
def ner(settings: Annotated[NerSettings, tyro.conf.arg(name="")]) -> None:
    """Fine-tune on tagged words: named entities, or another column of CoNLL files."""
    training.fine_tune(settings)


@benchmark.command
def submission(runs: Runs, output: Path, data: Path | None = None) -> None:
    """Zip the files that `predict RUN --split test --submission` has written, and check them.

    Args:
        runs: run directories, one for each task
        output: the zip to write
        data: folder with the test files to check against, instead of the runs' own
    """
    missing = training.submission(runs, output, data)
    print(f"{output} is written and checked")
    if missing:
        print(f"the GLUE server wants eleven files; still missing: {', '.join(missing)}")


@app.command
def evaluate(
    run: Run,
    data: Path | None = None,
    dev: Path | None = None,
    split: Literal["dev", "test"] = "dev",
    task: str | None = None,
    device: Device = "auto",
    precision: PrecisionName = "auto",
    attention: Attention = "auto",
) -> None:
    """Evaluate a run on its dev set, or on another one.

    Args:
        run: the run directory; of several seeds the best on dev is taken
        data: folder with the task's files, instead of the run's own
        dev: one file to evaluate on, instead of --data
        split: which part of the data, where its labels are known
        task: another task of GLUE with the same classes: ax, for a run of mnli
        device: where to compute
        precision: numbers to compute in
        attention: how attention is computed
    """
    saved = training.SavedRun(run, device, precision, attention)
    found = saved.evaluate(data, dev, split, task)
    print(f"{saved.path}: {task or saved.task.name}, {found.report.splitlines()[0]}")
    figures = {**found.metrics, "loss": found.loss}
    for name, value in figures.items():
        print(f"{name:{max(9, *map(len, figures))}} {value:.4f}")
    for doubt in found.doubts:
        print(f"warning: {doubt}")


@questions.command
def score(
    dataset: Dataset,
    predictions: Predictions,
    null_odds: Path | None = None,
    worst: int = 0,
    rows: Path | None = None,
) -> None:
    """Score anyone's predictions, by the rules of SQuAD's own evaluation.

    Answers count as they stand in the file: the official script turns those whose null odds are
    beyond 1 into none before it scores them, if it is given the odds.

    Args:
        dataset: the questions with their answers, in SQuAD's JSON
        predictions: a JSON object of answers by question id
        null_odds: a JSON object by question id: how far no answer scores above the answer; with it
            the best threshold is found
        worst: show so many of the worst answers in their passages
        rows: write a TSV with a row for every question
    """
    print(squad.score_files(dataset, predictions, null_odds, worst, rows))


@questions.command
def ruler(
    file: File,
    id: str,
    model: str = "minilm",
    max_length: int = 384,
    doc_stride: int = 128,
    max_query_length: int = 64,
    width: int = 100,
) -> None:
    """Draw a question's characters, words, word pieces, windows and answers, one under the other.

    Args:
        file: questions in SQuAD's JSON
        id: the question's id
        model: whose tokenizer to take: a directory, a run, "minilm", or a hub id
        max_length: word pieces of a window
        doc_stride: word pieces from one window to the next
        max_query_length: word pieces of the question
        width: columns of the terminal
    """
    print(squad.ruler_of(file, id, model, max_length, doc_stride, max_query_length, width))


@app.command
def predict(
    run: Run,
    text: tuple[str, ...] = (),
    text_pair: tuple[str, ...] = (),
    question: tuple[str, ...] = (),
    context: str | None = None,
    context_file: Path | None = None,
    input: Path | None = None,
    split: Literal["train", "dev", "test"] | None = None,
    data: Path | None = None,
    output: Path | None = None,
    submission: bool = False,
    json: bool = False,
    device: Device = "auto",
    precision: PrecisionName = "auto",
    attention: Attention = "auto",
) -> None:
    """Predict with a run: for texts given here, for a file, or for a part of its data.

    Args:
        run: the run directory; of several seeds the best on dev is taken
        text: one text or more
        text_pair: as many second texts, for tasks about pairs
        question: one question or more, about one context
        context: the text that answers them, of any length
        context_file: a file with that text
        input: a file in the task's layout, such as GLUE's test.tsv; for SQuAD its own JSON, or
            JSON lines with question and context
        split: a part of the run's data
        data: folder with the task's files for --split, instead of the run's own
        output: where to write the predictions for --input or --split
        submission: with --split test, write the files that the GLUE server takes, into the run
        json: print JSON, a line for each answer
        device: where to compute
        precision: numbers to compute in
        attention: how attention is computed
    """
    if sum((bool(text), bool(question), input is not None, split is not None)) != 1:
        raise MinibertError(
            "give one of --text, --question with --context, --input with --output, --split with "
            "--output"
        )
    if text_pair and not text:
        raise MinibertError("--text-pair goes with --text; files have their pairs in their columns")
    if (context is not None) + (context_file is not None) != bool(question):
        raise MinibertError("--question goes with one of --context and --context-file")
    if submission and (split != "test" or output is not None):
        raise MinibertError("--submission goes with --split test, and into the run: no --output")
    if (output is None) != (bool(text or question) or submission):
        raise MinibertError("--output belongs with --input or --split: give both")
    if data is not None and split is None:
        raise MinibertError("--data goes with --split")
    saved = training.SavedRun(run, device, precision, attention)
    if submission:
        print(*training.submit(saved, data), sep="\n")
    elif output is not None:
        if input is not None:
            count = saved.predict_file(input, output)
        else:
            assert split is not None
            count = saved.predict_split(split, output, data)
        print(f"{count} predictions by {saved.path} in {output}")
    else:
        if not json:
            print(f"{saved.path}: {saved.task.name}")
        if question:
            passage = context if context_file is None else read_text(context_file)
            show([(one,) for one in question], saved.answer(question, passage or ""), json)
        else:
            found = saved.predict(text, text_pair or None)
            show(list(zip(*filter(None, (text, text_pair)), strict=True)), found, json)


def show(asked: Sequence[tuple[str, ...]], answers: Sequence[Any], json: bool) -> None:
    """Print a line for each answer, with what was asked."""
    for texts, answer in zip(asked, answers, strict=True):
        line = {"asked": texts, "answer": answer.as_json()}
        print(dumps(line, ensure_ascii=False) if json else f"{answer}  |  {' / '.join(texts)}")


@app.command
def compare(runs: Runs, output: Path = Path("compare.png")) -> None:
    """Lay runs of one task side by side: settings that differ, metrics, and curves.

    Args:
        runs: two run directories or more; several seeds of one run are taken together
        output: where to draw the curves
    """
    print(training.compare_runs(runs, output))


@app.command
def inspect(source: Source, json: bool = False, verify: bool = True) -> None:
    """Show what a checkpoint is: format, sizes, and where each of its tensors goes.

    Args:
        source: a directory, an archive, a run, "minilm", or a hub id
        json: print JSON instead of lines
        verify: compare the checksums of a TensorFlow index
    """
    description = checkpoint.describe(source, verify)
    print(dumps(description.as_json(), indent=1) if json else description)


@app.command
def convert(
    source: Source,
    target: Target,
    to: Literal["huggingface", "tensorflow"] = "huggingface",
    dtype: Literal["float32", "float16", "bfloat16"] | None = None,
    head: Head | None = None,
    overwrite: bool = False,
    verify: bool = True,
) -> None:
    """Write a checkpoint in another format, type of number, or with another of its heads.

    Args:
        source: a directory, an archive, a run, "minilm", or a hub id
        target: the folder to write
        to: "huggingface" (config.json, model.safetensors) or "tensorflow" (Google's own files)
        dtype: numbers to write; those of the source if not given
        head: what stands on the body; the source's head if not given
        overwrite: write into a folder that is not empty
        verify: compare the checksums of a TensorFlow checkpoint
    """
    written = model.convert(source, target, to, dtype, head, overwrite, verify)
    print(f"read       {source}: {written.table.summary()}")
    print(f"written    {target}: {written.kind}, {written.dtype}, for {to}")
    print(f"tokenizer  {written.tokenizer}")


@app.command
def parity(
    source: Source,
    against: str = "transformers",
    json: bool = False,
) -> None:
    """Run a checkpoint in two implementations and compare them stage by stage.

    Args:
        source: a directory, a run, "minilm", or a hub id
        against: "transformers" reading the same files, or another checkpoint read by minibert
        json: print JSON instead of a table
    """
    ledger = lens.compare(source, against)
    print(dumps(ledger.as_json(), indent=1) if json else ledger)
    if ledger.first is not None:
        sys.exit(1)


def write(path: Path, text: str) -> None:
    """Write a file, and say so beside what is printed."""
    path.write_text(text, encoding="utf-8")
    print(f"written: {path}", file=sys.stderr)


@app.command
def swap(file: File, run: Path | None = None) -> None:
    """Put your functions into the pretrained model in place of ours, and see what it makes of them.

    Args:
        file: your Python file; its functions that are called as those of minibert.model.functional
            are taken. It is run as it is, so let it be your own
        run: a run to score on its own task, and whose model to take; without it minilm, and the
            run of `make demo`, which is made if it is not there
    """
    trial = course.try_functions(file, run or "minilm")
    print(f"{trial}\n")
    print(course.score_functions(trial, run))
    if not trial.equal:
        sys.exit(1)


@app.command
def fill_mask(source: Source, text: Words, top: int = 5, next: str | None = None) -> None:
    """Find the words behind every [MASK] of a text, with a checkpoint that has learnt to.

    Args:
        source: a directory or a hub id; it must hold the pretraining heads
        text: a text with one [MASK] or more
        top: how many words to show for each
        next: a second text: show also how likely it follows the first
    """
    for number, guesses in enumerate(lens.fill_mask(source, text, top), 1):
        print(f"[MASK] {number}")
        for guess in guesses:
            print(f"  {guess.token:20}{guess.probability:8.4f}")
    if next is not None:
        print(f"next sentence  {lens.next_sentence(source, text, next):.4f}")


@app.command
def check(
    chapter: Chapter,
    files: Files = (),
    hint: str | None = None,
    json: bool = False,
    gradescope: Path | None = None,
    html: Path | None = None,
    csv: Path | None = None,
    seed: int = 0,
    time_limit: float = 10.0,
    memory_limit: int = 2048,
    jobs: int = 1,
) -> None:
    """Grade the exercises of a chapter: a file, or those of a whole class.

    Args:
        chapter: the chapter's number, such as 03
        files: a file with the functions asked for; several, or a folder, are a class
        hint: an exercise to get one more hint for each time you ask, instead of a grade; NAME:2
            gives the first two
        json: print JSON instead of lines
        gradescope: write Gradescope's results.json here
        html: write a page here
        csv: write a row for each learner here
        seed: draws what the functions are tried on; keep your own to yourself
        time_limit: seconds of the processor for one exercise
        memory_limit: megabytes for one exercise
        jobs: files that are graded at the same time
    """
    if hint is not None:
        print(course.hint(chapter, hint))
        return
    report = course.check(chapter, files, seed, time_limit, memory_limit, jobs)
    print(dumps(report.as_json(), indent=1) if json else report)
    if gradescope is not None:
        write(gradescope, dumps(report.as_gradescope(), indent=1))
    if html is not None:
        write(html, report.as_html())
    if csv is not None:
        write(csv, report.as_csv())
    if not report.passed:
        sys.exit(1)


@app.command
def doctor() -> None:
    """Show what is installed here, and what minibert will use of it."""
    print(training.doctor())


def main() -> None:
    """Run one command; what the user got wrong is told in a line, without a traceback."""
    if sys.argv[1:] == ["--version"]:
        print(minibert.__version__)
        return
    try:
        app.cli(
            prog="minibert",
            description="BERT from scratch, to be read, taught and used. --version prints its own.",
            config=(tyro.conf.FlagCreatePairsOff,),
        )
        sys.stdout.flush()  # here, where a closed pipe is caught
    except training.Stopped as stopped:
        print(f"minibert: {stopped}; go on with the same command and --resume auto")
        sys.exit(training.SAVED)
    except MinibertError as error:
        sys.exit(f"minibert: {error}")
    except KeyboardInterrupt:
        sys.exit("minibert: stopped")
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stdout = None
    except OSError as error:  # a folder that cannot be written, a full disk
        sys.exit(f"minibert: {error}")


if __name__ == "__main__":
    main()
