"""The GLUE server's files: their form, what is checked before they are sent, and the zip."""

import zipfile

import numpy as np
import pytest

from minibert.errors import DataError
from minibert.tasks.glue import TASKS, task_named
from minibert.tasks.submission import FILES, check_submission, write_submission, zip_submission

# The server's own list, and how an answer of class 0, class 1, or score -0.5 and 5.5 is written.
WRITTEN = {
    "CoLA.tsv": ("0", "1"),
    "SST-2.tsv": ("0", "1"),
    "MRPC.tsv": ("0", "1"),
    "STS-B.tsv": ("0.000", "5.000"),
    "QQP.tsv": ("0", "1"),
    "MNLI-m.tsv": ("contradiction", "entailment"),
    "MNLI-mm.tsv": ("contradiction", "entailment"),
    "QNLI.tsv": ("entailment", "not_entailment"),
    "RTE.tsv": ("entailment", "not_entailment"),
    "WNLI.tsv": ("0", "1"),
    "AX.tsv": ("contradiction", "entailment"),
}


def logits_of(task):
    if not task.label_names:
        return np.array([[-0.5], [5.5]], np.float32)
    return np.eye(task.num_labels, dtype=np.float32)[[0, 1]]


def refusal(*arguments):
    with pytest.raises(DataError) as error:
        check_submission(*arguments)
    return str(error.value)


def test_there_are_eleven_and_each_task_answers_its_own():
    assert FILES.keys() == WRITTEN.keys()
    assert {task.name for task, _ in FILES.values()} == set(TASKS)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_line_by_line(tmp_path, name):
    task, _ = FILES[name]
    path = tmp_path / name

    write_submission(path, task, logits_of(task))

    first, second = WRITTEN[name]
    assert path.read_text() == f"index\tprediction\n0\t{first}\n1\t{second}\n"
    check_submission(path, task, 2)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("rte", "index\tlabel\n0\tentailment\n", ", line 1: the header must be"),
        ("rte", "index\tprediction\n0\tentailment\n", ": 1 predictions for 2 test examples"),
        (
            "rte",
            "index\tprediction\n0\tentailment\n2\tentailment\n",
            ", line 3: the index must be 1, not '2'",
        ),
        (
            "rte",
            "index\tprediction\n0\tentailment\n1\t1\n",
            ", line 3: '1' is none of entailment, not_entailment",
        ),
        ("cola", "index\tprediction\n0\t1\n1\tacceptable\n", "'acceptable' is none of 0, 1"),
        ("sts-b", "index\tprediction\n0\t5.1\n1\t1\n", "'5.1' is none of a number from 0 to 5"),
        ("sts-b", "index\tprediction\n0\tnan\n1\t1\n", "line 2: 'nan'"),
        ("sts-b", "index\tprediction\n0\t1\n1\t\n", "line 3: ''"),
    ],
)
def test_what_is_refused(tmp_path, name, content, complaint):
    path = tmp_path / "answers.tsv"
    path.write_text(content)

    message = refusal(path, task_named(name), 2)

    assert message.startswith(str(path))
    assert complaint in message


def test_the_zip_holds_the_files_under_their_names_and_says_what_is_missing(tmp_path):
    files = {}
    for name in ("CoLA.tsv", "AX.tsv"):
        files[name] = tmp_path / f"other-{name}"
        files[name].write_text(name)

    missing = zip_submission(files, tmp_path / "out.zip")

    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == {
            name: name for name in files
        }
    assert missing == [name for name in WRITTEN if name not in files]
