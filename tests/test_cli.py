"""The command line as its users type it: what they see, and what they see when they err."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from typing import NamedTuple

import pytest
from tiny_runs import (
    GLUE,
    MAX_LENGTH,
    ROOT,
    json_lines,
    json_of,
    save_tiny_model,
    small_data,
    tiny_settings,
)

import minibert
from minibert import checkpoint, cli
from minibert.errors import CheckpointError
from minibert.training.finetune import fine_tune
from minibert.training.saved import SavedRun

SQUAD = ROOT / "data" / "squad"
CPU = ("--device", "cpu", "--precision", "float32")
QUICK = f"{' '.join(CPU)} --epochs 1 --batch-size 8 --max-length {MAX_LENGTH} --lr 0.01"
TRAINING = """--data --train --dev --test --model --new-head --output --overwrite
    --device --precision --attention --epochs --batch-size --max-length --lr --warmup
    --weight-decay --seed --seeds --train-limit --accumulation-steps --gradient-checkpointing
    --compile --batching --head-lr --layer-decay --schedule --optimizer --clip-norm --dropout
    --label-smoothing --class-weights --freeze --unfreeze-at --reinit-layers --evaluate-every
    --early-stopping --best-by --checkpoint-every --keep-checkpoints --resume --skip-bad-batches
    --tensorboard --overfit-batch --lr-range-test"""
OPTIONS = {
    "finetune glue": f"--task {TRAINING}",
    "finetune text": f"""--text-column --pair-column --label-column --regression --dev-share
        --split-seed {TRAINING}""",
    "finetune sentiment": f"--task --truncation {TRAINING}",
    "finetune squad": f"--version --doc-stride --max-query-length --max-answer-length {TRAINING}",
    "finetune ner": f"--word-column --tag-column --document-context --constrained {TRAINING}",
    "glue submission": "--output --data",
    "squad score": "--null-odds --worst --rows",
    "squad ruler": "--id --model --max-length --doc-stride --max-query-length --width",
    "evaluate": "--data --dev --split --task --device --precision --attention",
    "predict": """--text --text-pair --question --context --context-file --input --split --data
        --output --submission --json --device --precision --attention""",
    "compare": "--output",
    "inspect": "--json --no-verify",
    "convert": "--to --dtype --head --overwrite --no-verify",
    "parity": "--against --json",
    "swap": "--run",
    "fill-mask": "--top --next",
    "check": """--hint --json --gradescope --html --csv --seed --time-limit --memory-limit
        --jobs""",
    "doctor": "",
}


class Shown(NamedTuple):
    """What a command leaves in the terminal."""

    status: int
    out: str
    err: str


@pytest.fixture
def type_(monkeypatch, capsys):
    """A function that runs a command in this process: type_("evaluate", path, ...)."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["minibert", *(str(word) for word in words)])
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
        out, err = capsys.readouterr()
        if isinstance(status, str):  # as the interpreter does when nothing catches it
            status, err = 1, err + status + "\n"
        return Shown(status, out, err)

    return run


@pytest.fixture(scope="module")
def shell():
    """A function that runs a command in a process of its own."""

    def run(command, **options):
        words = [sys.executable, "-m", "minibert", *command.split()]
        usual = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 240}
        done = subprocess.run(words, check=False, **{**usual, **options})
        return Shown(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory, model, shell):
    """A fine-tuning on the sample sentiment data, as a user starts it; and its run."""
    run = tmp_path_factory.mktemp("runs") / "sst-2"
    command = f"finetune glue --task sst-2 --data data/glue --model {model} --output {run}"
    return shell(f"{command} {QUICK} --train-limit 40"), run


@pytest.fixture(scope="module")
def run(finetuned):
    return finetuned[1]


@pytest.fixture(scope="module")
def squad(tmp_path_factory, model, shell):
    run = tmp_path_factory.mktemp("runs") / "squad"
    command = f"finetune squad --version 2.0 --data data/squad --model {model} --output {run}"
    return shell(f"{command} {QUICK} --doc-stride 32 --train-limit 40"), run


@pytest.fixture(scope="module")
def pair_run(tmp_path_factory, model):
    folder = tmp_path_factory.mktemp("pairs")
    data = small_data(folder / "MRPC", "MRPC")
    settings = tiny_settings(model, data, folder / "run", task="mrpc", seeds=(1, 2), epochs=1)
    return fine_tune(settings)


def refused(shown, *parts):
    """One line on stderr that says what is wrong; no traceback."""
    assert shown.status != 0
    assert shown.err.startswith("minibert: ")
    assert shown.err.count("\n") == 1, shown.err
    for part in parts:
        assert str(part) in shown.err
    return True


class TestHelp:
    @pytest.mark.parametrize("command", OPTIONS)
    def test_every_option_is_named_and_explained(self, type_, command):
        shown = type_(*command.split(), "--help")

        options = set(re.findall(r"^[│ ]{1,3}(?:-h, )?(--[a-z][\w-]*)", shown.out, re.MULTILINE))
        assert shown.status == 0
        assert options == {"--help", *OPTIONS[command].split()}

    @pytest.mark.parametrize(
        "line",
        [
            "evaluate RUN",
            "predict RUN",
            "compare RUN [RUN ...]",
            "inspect SOURCE",
            "convert SOURCE TARGET",
            "parity SOURCE",
            "fill-mask SOURCE TEXT",
            "squad score DATASET PREDICTIONS",
            "squad ruler FILE",
            "glue submission RUN [RUN ...]",
            "check CHAPTER [FILE ...]",
            "swap FILE",
        ],
    )
    def test_what_stands_without_a_flag_has_its_name(self, type_, line):
        command = re.match(r"[a-z -]+(?= )", line)[0]
        usage = type_(*command.split(), "--help").out.split("\n\n")[0].replace("\n", " ")
        assert line.removeprefix(command) in re.sub(r" \[-h\]| +\[[A-Z]+ OPTIONS\]", "", usage)

    def test_the_commands_are_listed(self, type_):
        shown = type_("--help")

        assert shown.status == 0
        for command in OPTIONS:
            assert re.search(rf"^\W+{command.split()[0]}  +[A-Z]", shown.out, re.MULTILINE), command

    def test_the_version(self, type_):
        assert type_("--version") == Shown(0, f"{minibert.__version__}\n", "")


class TestFinetune:
    def test_it_shows_what_it_does(self, finetuned):
        shown, run = finetuned

        assert shown.status == 0
        assert shown.err == ""
        assert "training   40 examples\ndev        100 examples\n" in shown.out
        for word in ("weights", "device", "precision", "attention", "epoch 1"):
            assert f"\n{word} " in shown.out
        assert shown.out.endswith(f"in {run}\n")

    def test_options_reach_the_run(self, run):
        settings = json_of(run / "settings.json")

        assert (settings["epochs"], settings["batch_size"]) == (1, 8)
        assert (settings["learning_rate"], settings["train_limit"]) == (0.01, 40)

    def test_files_instead_of_a_folder_several_seeds_and_the_other_options(
        self, type_, model, tmp_path
    ):
        data = small_data(tmp_path / "SST-2")
        train, dev = data / "train.tsv", data / "dev.tsv"
        words = f"""finetune glue --task SST2 --train {train} --dev {dev} --model {model}
            --output {tmp_path / "run"} {QUICK} --seeds 3 4 --warmup 0.5 --weight-decay 0.2
            --attention sdpa --seed 9 --new-head"""

        shown = type_(*words.split())

        assert shown.status == 0
        assert "seed 3" in shown.out
        assert "2 seeds" in shown.out
        assert re.search(r"accuracy +mean 0\.\d{4}  sd 0\.\d{4}  min", shown.out)
        settings = json_of(tmp_path / "run" / "seed-4" / "settings.json")
        assert (settings["warmup"], settings["weight_decay"]) == (0.5, 0.2)
        assert json_of(tmp_path / "run" / "seed-3" / "metrics.json")["attention"] == "sdpa"

    def test_the_run_goes_to_a_folder_of_the_tasks_name_unless_told(
        self, type_, model, tmp_path, monkeypatch
    ):
        data = small_data(tmp_path / "SST-2")
        monkeypatch.chdir(tmp_path)

        words = f"finetune glue --task sst-2 --data {data} --model {model} {QUICK}"

        assert type_(*words.split()).status == 0
        assert (tmp_path / "runs" / "sst-2" / "metrics.json").is_file()


class TestEvaluate:
    def test_on_its_own_dev_set(self, type_, run):
        metrics = json_of(run / "metrics.json")
        doubts = SavedRun(run, "cpu", "float32").evaluate().doubts

        shown = type_("evaluate", run, *CPU)

        assert shown == Shown(
            0,
            f"{run}: sst-2, 100 examples\n"
            f"accuracy  {metrics['metrics']['accuracy']:.4f}\n"
            f"loss      {metrics['dev_loss']:.4f}\n"
            + "".join(f"warning: {doubt}\n" for doubt in doubts),
            "",
        )
        for doubt in doubts:  # which the run's own warnings said with what is behind them
            assert any(doubt in warning for warning in metrics["warnings"])

    def test_on_another_file_or_folder(self, type_, run, tmp_path):
        data = small_data(tmp_path / "SST-2", dev=7)

        file = type_("evaluate", run, "--dev", data / "dev.tsv", *CPU)
        folder = type_("evaluate", run, "--data", data, *CPU)

        assert file.out.startswith(f"{run}: sst-2, 7 examples\n")
        assert file == folder

    def test_the_best_of_several_seeds_is_taken_and_named(self, type_, pair_run):
        best = json_of(pair_run / "summary.json")["best"]

        shown = type_("evaluate", pair_run, *CPU)

        assert shown.out.startswith(f"{pair_run / best}: mrpc, 6 examples, ")
        assert "\nf1 " in shown.out


class TestPredict:
    def test_texts(self, type_, run):
        texts = ["A joy.", "A bore."]
        answers = SavedRun(run, *CPU[1::2]).predict(texts)

        shown = type_("predict", run, "--text", *texts, *CPU)

        head, *lines = shown.out.splitlines()
        assert head == f"{run}: sst-2"
        for line, text, answer in zip(lines, texts, answers, strict=True):
            assert line.startswith(f"{answer.text} ")
            assert f"positive {answer.probabilities['positive']:.3f}" in line
            assert line.endswith(f"|  {text}")

    def test_pairs_of_texts(self, type_, pair_run):
        texts, pairs = ["one", "two"], ["first", "second"]
        shown = type_("predict", pair_run, "--text", *texts, "--text-pair", *pairs, *CPU)

        assert shown.status == 0
        assert f"{pair_run}/seed-" in shown.out
        assert [line.rpartition("|  ")[2] for line in shown.out.splitlines()[1:]] == [
            "one / first",
            "two / second",
        ]

    def test_a_file(self, type_, run, tmp_path):
        target = tmp_path / "out.tsv"

        shown = type_(
            "predict", run, "--input", GLUE / "SST-2" / "test.tsv", "--output", target, *CPU
        )

        assert shown == Shown(0, f"20 predictions by {run} in {target}\n", "")
        assert len(target.read_text(encoding="utf-8").splitlines()) == 21

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            ((), "give one of --text, --question with --context, --input with --output, --split"),
            (("--text", "a", "--input", "b", "--output", "c"), "give one of --text"),
            (("--split", "dev", "--input", "b", "--output", "c"), "give one of --text"),
            (("--input", "b"), "--output belongs with --input or --split: give both"),
            (("--split", "dev"), "--output belongs with --input or --split: give both"),
            (("--text", "a", "--output", "c"), "--output belongs with --input or --split"),
            (("--text", "a", "--text-pair", "b"), "leave out --text-pair"),
            (("--text-pair", "b"), "give one of --text"),
            (("--input", "a", "--output", "c", "--text-pair", "b"), "--text-pair goes with --text"),
            (("--text", "a", "--data", "b"), "--data goes with --split"),
            (("--text", "a", "--submission"), "--submission goes with --split test"),
            (("--split", "dev", "--submission"), "--submission goes with --split test"),
            (("--input", "/nowhere.tsv", "--output", "c"), "/nowhere.tsv: no such file"),
        ],
        ids=" ".join,
    )
    def test_words_that_make_no_request(self, type_, run, words, complaint):
        assert refused(type_("predict", run, *words, *CPU), complaint)


class TestSquad:
    def test_it_trains_and_shows_where_answers_fail(self, squad):
        shown, run = squad
        assert shown.status == 0, shown.err
        assert re.search(r"^training   40 questions, \d+ windows$", shown.out, re.MULTILINE)
        assert re.search(r"^who +9 +\d", shown.out, re.MULTILINE)
        assert f"in {run}" in shown.out.splitlines()[-1]

    def test_asking(self, type_, squad, tmp_path):
        context = "The mill by the weir was built in 1840. Its wheel was of oak."
        (tmp_path / "mill.txt").write_text(context, encoding="utf-8")
        asked = ("--question", "Who built it?", "When?")

        shown = type_("predict", squad[1], *asked, "--context", context, *CPU)
        again = type_("predict", squad[1], *asked, "--context-file", tmp_path / "mill.txt", *CPU)
        lines = shown.out.splitlines()

        assert lines[0] == f"{squad[1]}: squad-2.0"
        assert [line.rpartition("  |  ")[2] for line in lines[1:]] == ["Who built it?", "When?"]
        assert shown == again
        as_json = type_("predict", squad[1], *asked, "--context", context, "--json", *CPU)
        found = [json.loads(line) for line in as_json.out.splitlines()]
        assert [one["asked"] for one in found] == [["Who built it?"], ["When?"]]
        for one, line in zip(found, lines[1:], strict=True):
            answer = one["answer"]
            assert context[answer["start"] : answer["end"]] == answer["text"]
            assert line.startswith(answer["text"] or "no answer")

    @pytest.mark.parametrize(
        "words",
        [
            ("--question", "Who?"),
            ("--context", "He."),
            ("--question", "Who?", "--context", "He.", "--context-file", "x"),
            ("--text", "He.", "--context", "He."),
        ],
        ids=" ".join,
    )
    def test_a_question_needs_one_context(self, type_, squad, words):
        shown = type_("predict", squad[1], *words)
        assert refused(shown, "--question")

    def test_a_run_is_told_what_it_takes(self, type_, squad, run):
        assert refused(type_("predict", squad[1], "--text", "a"), "--question and --context")
        words = ("--question", "a", "--context", "b")
        assert refused(type_("predict", run, *words), "sst-2: give it --text")

    def test_anyone_s_predictions_are_scored(self, type_, tmp_path):
        questions = json_of(SQUAD / "dev-v2.0.json")
        entries = [q for a in questions["data"] for p in a["paragraphs"] for q in p["qas"]]
        gold = {q["id"]: q["answers"][0]["text"] if q["answers"] else "" for q in entries}
        odds = {q["id"]: float(q["is_impossible"]) for q in entries}
        for name, content in (("gold", gold), ("odds", odds), ("one", {"x": "y"})):
            (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")

        words = ("--null-odds", tmp_path / "odds.json", "--rows", tmp_path / "rows.tsv")
        shown = type_("squad", "score", SQUAD / "dev-v2.0.json", tmp_path / "gold.json", *words)

        figures = dict(line.split() for line in shown.out.split("\n\n")[0].splitlines())
        assert figures["exact"] == figures["f1"] == figures["best_f1"] == "100.0000"
        assert figures["best_f1_threshold"] == "0.0000"
        assert len((tmp_path / "rows.tsv").read_text(encoding="utf-8").splitlines()) == 43
        shown = type_("squad", "score", SQUAD / "dev-v2.0.json", tmp_path / "one.json")
        assert refused(shown, "42 questions have none", "1 ids are unknown, such as x")

    def test_the_worst_are_shown_in_their_passages(self, type_, tmp_path):
        ids = [
            q["id"]
            for a in json_of(SQUAD / "dev-v2.0.json")["data"]
            for p in a["paragraphs"]
            for q in p["qas"]
        ]
        (tmp_path / "none.json").write_text(json.dumps(dict.fromkeys(ids, "")), encoding="utf-8")
        files = (SQUAD / "dev-v2.0.json", tmp_path / "none.json")
        shown = type_("squad", "score", *files, "--worst", 2)
        assert shown.out.count("given     no answer") == 2

    def test_the_ruler(self, type_, model):
        entry = json_of(SQUAD / "dev-v2.0.json")["data"][0]["paragraphs"][0]["qas"][0]
        words = ("--id", entry["id"], "--model", model, "--width", 80)
        shown = type_("squad", "ruler", SQUAD / "dev-v2.0.json", *words)
        assert shown.out.startswith(f"question    {entry['question']}\n")
        assert max(map(len, shown.out.splitlines())) <= 100
        shown = type_("squad", "ruler", SQUAD / "dev-v2.0.json", "--id", "x", "--model", model)
        assert refused(shown, "no question has the id 'x'")


class TestSubmission:
    def test_from_a_run_to_the_zip(self, type_, run, tmp_path):
        """The run's own test file; the folder goes when the run is overwritten."""
        written = type_("predict", run, "--split", "test", "--submission", *CPU)

        shown = type_("glue", "submission", run, "--output", tmp_path / "out.zip")

        assert written == Shown(0, f"{run / 'submission' / 'SST-2.tsv'}\n", "")
        assert len((run / "submission" / "SST-2.tsv").read_text().splitlines()) == 21
        assert shown.status == 0
        assert f"{tmp_path / 'out.zip'} is written and checked" in shown.out
        assert "still missing: CoLA.tsv, MRPC.tsv, " in shown.out

    def test_a_file_that_is_not_the_test_sets_is_refused(self, type_, run, tmp_path):
        type_("predict", run, "--split", "test", "--submission", *CPU)
        answers = run / "submission" / "SST-2.tsv"
        answers.write_text("".join(answers.read_text().splitlines(keepends=True)[:-1]))

        shown = type_("glue", "submission", run, "--output", tmp_path / "out.zip")

        assert refused(shown, answers, "19 predictions for 20 test examples")
        assert not (tmp_path / "out.zip").exists()

    def test_runs_that_cannot_be_submitted(self, type_, run, pair_run, tmp_path):
        target = tmp_path / "out.zip"
        type_("predict", run, "--split", "test", "--submission", *CPU)

        assert refused(type_("glue", "submission", "--output", target), "name the runs to submit")
        assert refused(
            type_("glue", "submission", run, pair_run, "--output", target), "no answers yet"
        )
        assert refused(
            type_("glue", "submission", run, run, "--output", target), "answer SST-2.tsv"
        )


class TestCompare:
    def test_a_run_and_itself(self, type_, run, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

        shown = type_("compare", run, run)

        assert shown.status == 0
        assert shown.out.startswith("sst-2: 2 runs\n")
        assert shown.out.endswith("curves in compare.png\n")
        assert (tmp_path / "compare.png").is_file()

    def test_runs_of_different_tasks(self, type_, run, pair_run, tmp_path):
        output = tmp_path / "out.png"
        assert refused(type_("compare", run, pair_run, "--output", output), "only runs of one task")


class TestInspect:
    def test_minilm(self, type_):
        try:
            checkpoint.find("minilm")
        except CheckpointError as error:
            pytest.skip(str(error))

        shown = type_("inspect", "minilm")

        assert shown.status == 0
        assert "6 layers, width 384, 12 heads of 32" in shown.out
        assert "parameters    22,713,216" in shown.out

    def test_a_run(self, type_, run):
        shown = type_("inspect", run)

        assert "labels        negative, positive" in shown.out
        assert "classifier.weight" in shown.out

    def test_json_is_all_that_is_printed(self, type_, run):
        shown = type_("inspect", run, "--json")

        found = json.loads(shown.out)
        assert (shown.status, shown.err) == (0, "")
        assert found["architecture"] == "BertForSequenceClassification"
        assert found["newly_initialised"] == ["mlm", "next_sentence", "span"]


class TestConvert:
    def test_it_shows_what_it_read_and_wrote(self, type_, run, tmp_path):
        target = tmp_path / "tf"

        shown = type_("convert", run, target, "--to", "tensorflow", "--dtype", "float16")

        read, written, tokenizer = shown.out.splitlines()
        assert (shown.status, shown.err) == (0, "")
        assert re.fullmatch(rf"read       {run}: \d+ tensors used", read)
        assert written == (
            f"written    {target}: BertForSequenceClassification, float16, for tensorflow"
        )
        assert re.fullmatch(r"tokenizer  \d+ word pieces", tokenizer)
        found = json.loads(type_("inspect", target, "--json").out)
        assert (found["format"], list(found["dtypes"])) == ("tensorflow", ["float16"])
        assert found["label_names"] == ["negative", "positive"]

    def test_a_damaged_tensor_is_refused_unless_it_is_not_verified(self, type_, run, tmp_path):
        type_("convert", run, tmp_path / "tf", "--to", "tensorflow")
        data = tmp_path / "tf/bert_model.ckpt.data-00000-of-00001"
        data.write_bytes(data.read_bytes()[:-1] + b"?")

        shown = type_("convert", tmp_path / "tf", tmp_path / "hf")
        assert refused(shown, data, "the checksum does not fit")
        assert type_("convert", tmp_path / "tf", tmp_path / "hf", "--no-verify").status == 0

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            ((), "is not empty; choose another folder, or give --overwrite"),
            (("--head", "masked-lm"), "is not empty"),
            (("--head", "masked-lm", "--overwrite"), "lacks mlm.bias, mlm.dense.weight"),
        ],
    )
    def test_refusals(self, type_, run, tmp_path, words, complaint):
        (tmp_path / "notes.txt").write_text("mine")

        assert refused(type_("convert", run, tmp_path, *words), complaint)
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]

    @pytest.mark.parametrize("option", ["--head", "--dtype", "--to"])
    def test_unknown_choices(self, type_, run, tmp_path, option):
        shown = type_("convert", run, tmp_path / "target", option, "nonsense")

        assert shown.status != 0
        assert "nonsense" in shown.out + shown.err
        assert not (tmp_path / "target").exists()

    def test_an_archive_of_a_run_s_model(self, type_, run, tmp_path):
        archive = shutil.make_archive(str(tmp_path / "model"), "gztar", run / "model")

        shown = type_("convert", archive, tmp_path / "target")

        assert shown.status == 0, shown.err
        assert "word pieces" in shown.out
        assert (tmp_path / "target/model.safetensors").read_bytes() == (
            run / "model/model.safetensors"
        ).read_bytes()


def test_doctor(type_):
    shown = type_("doctor")

    assert shown.status == 0
    for fact in (
        "torch",
        "python",
        "device",
        "precision",
        "attention in training",
        "TensorFlow checksums",
    ):
        assert re.search(f"^{fact} +\\S", shown.out, re.MULTILINE), fact
    assert re.search("^tensor check +passed$", shown.out, re.MULTILINE)


class TestUserErrors:
    @pytest.fixture
    def finetune(self, type_, model, tmp_path):
        """A function: fine-tune on these bytes as training file, or with other words."""

        def start(content=None, *words):
            train = tmp_path / "train.tsv"
            if content is not None:
                train.write_bytes(content)
            dev = GLUE / "SST-2" / "dev.tsv"
            shown = type_(
                *f"finetune glue --task sst-2 --train {train} --dev {dev}".split(),
                *f"--model {model} --output {tmp_path / 'run'} {QUICK}".split(),
                *words,
            )
            assert not (tmp_path / "run").exists()
            return shown

        return start

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            (None, "train.tsv: no such file"),
            (b"", "train.tsv: the file is empty"),
            (b"sentence\tlabel\n", "train.tsv: a header, and no row below it"),
            (b"sentence\tlabel\nfine\t1\nshort\n", "train.tsv, line 3: 1 columns"),
            (b"sentence\tlabel\nfine\tgood\n", "train.tsv, line 2: unknown label 'good'"),
            (b"sentence\tlabel\ncaf\xe9\t1\n", "train.tsv, line 2: byte 0xe9 is not UTF-8"),
            (b"text\tlabel\nfine\t1\n", "train.tsv, line 1: no column 'sentence'"),
        ],
    )
    def test_data(self, finetune, content, complaint):
        assert refused(finetune(content), complaint)

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            (("--task", "squad"), "no GLUE task 'squad'"),
            (("--epochs", "0"), "epochs must be at least 1"),
            (("--max-length", "500"), "max_length 500 is more than the model's 72 positions"),
            (("--model", "/nowhere"), "/nowhere: no such directory"),
            (("--data", "data/glue"), "give either --data, or --train and --dev"),
        ],
    )
    def test_settings(self, finetune, words, complaint):
        assert refused(finetune(b"sentence\tlabel\nfine\t1\n", *words), complaint)

    @pytest.mark.parametrize("command", ["evaluate", "predict", "inspect"])
    def test_a_missing_run(self, type_, tmp_path, command):
        words = ("--text", "a") if command == "predict" else ()

        assert refused(type_(command, tmp_path / "nowhere", *words), tmp_path / "nowhere")

    @pytest.mark.parametrize("command", ["evaluate", "predict", "inspect"])
    def test_truncated_weights(self, type_, run, tmp_path, command):
        broken = shutil.copytree(run, tmp_path / "run")
        weights = broken / "model" / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1])
        words = ("--text", "a") if command == "predict" else ()

        assert refused(type_(command, broken, *words), weights, "not a whole safetensors file")

    def test_an_output_that_holds_a_run(self, type_, run, model):
        words = f"finetune glue --task sst-2 --data {GLUE} --model {model} --output {run} {QUICK}"
        before = (run / "metrics.json").read_bytes()

        assert refused(type_(*words.split()), "already holds a run", "--overwrite")
        assert (run / "metrics.json").read_bytes() == before

    def test_an_output_inside_a_file(self, type_, model, tmp_path):
        (tmp_path / "file").write_text("")
        words = f"finetune glue --task sst-2 --data {GLUE} --model {model} {QUICK} --train-limit 8"

        assert refused(type_(*words.split(), "--output", tmp_path / "file" / "run"), "file")

    def test_the_interpreter_shows_no_traceback_either(self, shell, tmp_path):
        shown = shell(f"evaluate {tmp_path / 'nowhere'}")

        assert shown == Shown(1, "", f"minibert: {tmp_path / 'nowhere'}: no such run directory\n")


class TestInterrupted:
    @pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send there")
    def test_ctrl_c_saves_says_how_to_go_on_and_leaves_a_model_to_use(self, model, tmp_path, type_):
        run, out = tmp_path / "run", tmp_path / "out.txt"
        data = small_data(tmp_path / "SST-2")
        command = f"finetune glue --task sst-2 --data {data} --model {model} --output {run} {QUICK}"
        process = subprocess.Popen(
            [sys.executable, "-m", "minibert", *command.split(), "--epochs", "1000000"],
            cwd=ROOT,
            stdout=out.open("w"),
            stderr=subprocess.PIPE,
            text=True,
            # A test run in the background may have been told to ignore it.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        try:
            deadline = time.monotonic() + 120
            while not (run / "model" / "tokenizer_config.json").is_file():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()

        assert process.returncode == 85
        assert err == "\nstopping after this step; Ctrl-C again stops at once, without saving\n"
        *_, last = out.read_text(encoding="utf-8").splitlines()
        steps = json_lines(run / "log.jsonl")[-1]["step"]
        assert last.startswith(f"minibert: stopped after step {steps} of ")
        assert last.endswith("; all is saved; go on with the same command and --resume auto")
        assert [path.name for path in (run / "checkpoints").iterdir()] == [f"step-{steps:08}"]
        assert type_("evaluate", run, *CPU).out.startswith(f"{run}: sst-2, 6 examples\n")
        assert (run / "log.jsonl").read_text(encoding="utf-8").endswith("}\n")

    @pytest.mark.skipif(sys.platform == "win32", reason="pipes close otherwise there")
    def test_a_reader_that_leaves_early_sees_no_traceback(self, model):
        """`minibert inspect minilm | head -1`, with a head that has already gone."""
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as pipe:
            done = subprocess.run(
                [sys.executable, "-m", "minibert", "inspect", str(model)],
                cwd=ROOT,
                stdout=pipe,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                timeout=120,
            )

        assert done.stderr == ""


@pytest.mark.slow
def test_the_demo_reaches_what_the_readme_promises(shell, tmp_path):
    run = tmp_path / "demo"
    command = f"""finetune glue --task sst-2 --data data/glue --model minilm --lr 1e-4 --epochs 3
        --batch-size 8 --seeds 1 2 3 --output {run}"""

    shown = shell(command, timeout=3600)

    assert shown.status == 0, shown.err
    assert json_of(run / "summary.json")["metrics"]["accuracy"]["mean"] >= 0.85
    texts = [
        "I laughed, I cried, and I would see it again.",
        "Two hours that I will never get back.",
    ]
    answers = SavedRun(run).predict(texts)
    assert [answer.text for answer in answers] == ["positive", "negative"]
