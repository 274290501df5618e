"""The command line: parse, call, print. What is heavy is imported when a command uses it."""

import sys
from json import dumps
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional
from tyro.extras import SubcommandApp

import minibert
from minibert import checkpoint, lens, training
from minibert.errors import MinibertError
from minibert.training.settings import GlueSettings

Device = Literal["auto", "cpu", "cuda", "mps"]
PrecisionName = Literal["auto", "float32", "bfloat16", "float16"]
Attention = Literal["auto", "math", "sdpa"]

app = SubcommandApp()
finetune = SubcommandApp()
app.command(finetune, name="finetune", help="Fine-tune a pretrained BERT.")


@finetune.command
def glue(settings: Annotated[GlueSettings, tyro.conf.arg(name="")]) -> None:
    """Fine-tune on a task of the GLUE benchmark."""
    training.finetune_glue(settings)


@app.command
def evaluate(
    run: Positional[Path],
    data: Path | None = None,
    dev: Path | None = None,
    device: Device = "auto",
    precision: PrecisionName = "auto",
    attention: Attention = "auto",
) -> None:
    """Evaluate a run on its dev set, or on another one.

    Args:
        run: the run directory; of several seeds the best on dev is taken
        data: folder with the task's files, instead of the run's own
        dev: one file to evaluate on, instead of --data
        device: where to compute
        precision: numbers to compute in
        attention: how attention is computed
    """
    saved = training.SavedRun(run, device, precision, attention)
    found = saved.evaluate(data, dev)
    print(f"{saved.path}: {saved.task.name}, {len(found.logits)} examples")
    for name, value in found.metrics.items():
        print(f"{name:9} {value:.4f}")
    print(f"{'loss':9} {found.loss:.4f}")


@app.command
def predict(
    run: Positional[Path],
    text: tuple[str, ...] = (),
    text_pair: tuple[str, ...] = (),
    input: Path | None = None,
    output: Path | None = None,
    device: Device = "auto",
    precision: PrecisionName = "auto",
    attention: Attention = "auto",
) -> None:
    """Predict with a run: for texts given here, or for a file.

    Args:
        run: the run directory; of several seeds the best on dev is taken
        text: one text or more
        text_pair: as many second texts, for tasks about pairs
        input: a file in the task's layout, such as GLUE's test.tsv
        output: where to write the predictions for --input
        device: where to compute
        precision: numbers to compute in
        attention: how attention is computed
    """
    if bool(text) == (input is not None):
        raise MinibertError("give either --text, or --input with --output")
    if input is not None and text_pair:
        raise MinibertError("--text-pair goes with --text; --input has its pairs in its columns")
    if (input is None) != (output is None):
        raise MinibertError("--input and --output belong together: give both")
    saved = training.SavedRun(run, device, precision, attention)
    if input is not None and output is not None:
        print(f"{saved.predict_file(input, output)} predictions by {saved.path} in {output}")
        return
    print(f"{saved.path}: {saved.task.name}")
    for number, answer in enumerate(saved.predict(text, text_pair or None)):
        shares = "  ".join(f"{name} {share:.3f}" for name, share in answer.probabilities.items())
        both = text[number : number + 1] + text_pair[number : number + 1]
        print(f"{answer.text:16}{shares}  |  {' / '.join(both)}")


@app.command
def compare(runs: Positional[tuple[Path, ...]], output: Path = Path("compare.png")) -> None:
    """Lay runs of one task side by side: settings that differ, metrics, and curves.

    Args:
        runs: two run directories or more; several seeds of one run are taken together
        output: where to draw the curves
    """
    print(training.compare_runs(runs, output))


@app.command
def inspect(source: Positional[str]) -> None:
    """Show what a checkpoint is: format, sizes, and where each of its tensors goes.

    Args:
        source: a directory, a run, "minilm", or a hub id
    """
    print(checkpoint.describe(source))


@app.command
def parity(
    source: Positional[str],
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


@app.command
def fill_mask(
    source: Positional[str], text: Positional[str], top: int = 5, next: str | None = None
) -> None:
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
