"""Build the chapters: run each percent script as a notebook, and keep what its cells put out.

    python tutorials/build.py            build all chapters
    python tutorials/build.py 03 04      build some
    python tutorials/build.py --check    run them, and compare with the notebooks that are here

The `.py` files are the source; a notebook is never edited by hand. Cells tagged `varies` put out
something else on another machine or at another time, such as seconds; they are run, not compared.
"""

import argparse
import sys
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).parent


def sources(numbers: list[str]) -> list[Path]:
    """The chapters' scripts, in order; only those of the given numbers, if there are any."""
    found = sorted(HERE.glob("[0-9][0-9]_*.py"))
    chosen = [path for path in found if not numbers or path.name[:2] in numbers]
    missing = set(numbers) - {path.name[:2] for path in chosen}
    if missing:
        sys.exit(f"there is no chapter {', '.join(sorted(missing))}")
    return chosen


def read(source: Path) -> NotebookNode:
    """The script as a notebook without outputs; cells are numbered, so that it stays the same."""
    notebook = jupytext.read(source)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


def execute(source: Path) -> NotebookNode:
    """The notebook with its outputs, computed by a fresh kernel in the chapters' folder."""
    notebook = read(source)
    place = {"metadata": {"path": str(HERE)}}
    quiet = ["--log-level=ERROR"]
    NotebookClient(notebook, timeout=600, resources=place, extra_arguments=quiet).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # clocks
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    return notebook


def joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs with neighbouring pieces of one stream made one: how they fell is chance."""
    kept: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream" and kept and kept[-1].get("name") == output.name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def differences(old: NotebookNode, new: NotebookNode) -> list[str]:
    """Where two builds of a chapter differ: in their cells, or in outputs that must not vary."""
    if [cell.source for cell in old.cells] != [cell.source for cell in new.cells]:
        return ["its cells are not those of the script"]
    pairs = zip(old.cells, new.cells, strict=True)
    return [
        f"{cell.id}:\n{cell.source}\n--- committed ---\n{text(was)}\n--- now ---\n{text(cell)}"
        for was, cell in pairs
        if "varies" not in cell.metadata.get("tags", []) and text(was) != text(cell)
    ]


def text(cell: NotebookNode) -> str:
    """What a cell puts out, as text; of a picture only that there is one."""
    lines = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            lines.append(output.text)
        elif output.output_type == "error":
            lines.append(f"{output.ename}: {output.evalue}")
        elif "image/png" in output.data:
            lines.append("(a picture)")
        else:
            lines.append(output.data["text/plain"])
    return "\n".join(lines)


def main() -> None:
    """Build or check the chapters; the exit status is 1 if one is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("chapters", nargs="*", help="their numbers, such as 03; all if none")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    arguments = parser.parse_args()
    failed = False
    for source in sources(arguments.chapters):
        began = time.perf_counter()
        notebook = execute(source)
        seconds = time.perf_counter() - began
        target = source.with_suffix(".ipynb")
        if arguments.check:
            wrong = differences(nbformat.read(target, as_version=4), notebook)
            failed |= bool(wrong)
            print(f"{source.stem}: {'differs' if wrong else 'as it stands'}, {seconds:.0f} s")
            print(*wrong, sep="\n", end="\n" if wrong else "")
        else:
            nbformat.write(notebook, target)
            print(f"{source.stem}: built, {seconds:.0f} s", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
