"""From settings to a finished run: its files, its seeds, and what is refused in time."""

import re
import shutil
import statistics
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_runs import (
    GLUE,
    json_lines,
    json_of,
    save_tiny_model,
    small_data,
    tiny_settings,
)
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from minibert.errors import MinibertError
from minibert.tasks.glue import task_named
from minibert.training.finetune import fine_tune
from minibert.training.saved import SavedRun

RUN_FILES = {
    "settings.json",
    "log.jsonl",
    "timing.jsonl",
    "metrics.json",
    "curves.png",
    "data.txt",
    "report.json",
    "report.md",
    "predictions.tsv",
    "model",
}
CLASS_PICTURES = {"confusion.png", "calibration.png"}
MODEL_FILES = {
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
}
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp("data") / "SST-2", train=20, dev=30)


@pytest.fixture(scope="module")
def run(tmp_path_factory, model, data):
    output = tmp_path_factory.mktemp("runs") / "deep" / "run"
    return fine_tune(tiny_settings(model, data, output, seed=2))


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp("data") / "STS-B", "STS-B", train=20, dev=10)


@pytest.fixture(scope="module")
def seeds_run(tmp_path_factory, model, scored):
    """Three seeds on a task whose metric is never the same twice."""
    output = tmp_path_factory.mktemp("runs") / "seeds"
    return fine_tune(tiny_settings(model, scored, output, task="sts-b", seeds=SEEDS))


@pytest.fixture
def old_run(run, tmp_path):
    """A copy of a finished run, with a foreign file beside its own."""
    folder = shutil.copytree(run, tmp_path / "old")
    (folder / "notes.md").write_text("mine")
    return folder


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refusal(settings):
    with pytest.raises(MinibertError) as error:
        fine_tune(settings)
    return str(error.value)


class TestRunDirectory:
    def test_it_holds_these_files_and_no_other(self, run):
        assert {path.name for path in run.iterdir()} == RUN_FILES | CLASS_PICTURES
        assert {path.name for path in (run / "model").iterdir()} == MODEL_FILES

    def test_metrics(self, run, model):
        metrics = json_of(run / "metrics.json")
        weights = load_file(run / "model" / "model.safetensors")

        assert metrics["task"] == "sst-2"
        assert metrics["metrics"].keys() == {"accuracy"}
        assert (metrics["epochs"], metrics["seed"]) == (2, 2)
        assert metrics["best_epoch"] in (1, 2)
        assert (metrics["train_examples"], metrics["dev_examples"]) == (20, 30)
        assert metrics["parameters"] == sum(value.numel() for value in weights.values())
        assert (metrics["device"], metrics["precision"]) == ("cpu", "float32")
        assert metrics["attention"] == "math"  # the tiny model trains with dropout

    def test_speeds_add_up(self, run):
        metrics, last = json_of(run / "metrics.json"), json_lines(run / "timing.jsonl")[-1]
        seconds = metrics["train_seconds"]

        assert seconds > 0
        assert metrics["train_examples_per_second"] * seconds == pytest.approx(40, rel=0.05)
        assert metrics["tokens_per_second"] * seconds == pytest.approx(last["tokens"], rel=0.05)

    def test_metrics_are_those_of_the_best_epoch_in_the_log(self, run):
        metrics = json_of(run / "metrics.json")
        epochs = [row for row in json_lines(run / "log.jsonl") if "dev_loss" in row]
        best = max(epochs, key=lambda row: row["accuracy"])

        assert metrics["best_epoch"] == best["epoch"]
        assert metrics["metrics"]["accuracy"] == best["accuracy"]
        assert metrics["dev_loss"] == best["dev_loss"]

    def test_the_log_holds_nothing_that_a_clock_has_touched(self, run):
        fields = {field for row in json_lines(run / "log.jsonl") for field in row}

        of_a_step = {"step", "epoch", "loss", "rate", "gradient_norm", "part_norms"}
        assert fields == of_a_step | {"dev_loss", "accuracy"}

    def test_settings(self, run, model, data):
        settings = json_of(run / "settings.json")

        assert settings["task"] == "sst-2"
        assert settings["model"] == str(model)
        assert settings["data"] == str(data)
        assert settings["output"] == str(run)
        assert (settings["learning_rate"], settings["seed"]) == (1e-2, 2)
        assert settings["environment"]["threads"] >= 1

    def test_predictions_are_the_saved_models(self, run, data):
        header, *rows = (run / "predictions.tsv").read_text(encoding="utf-8").splitlines()
        rows = [dict(zip(header.split("\t"), row.split("\t"), strict=True)) for row in rows]
        examples = task_named("sst-2").read(data / "dev.tsv")
        answers = SavedRun(run, "cpu", "float32").predict([row.text for row in examples])
        right = [row["label"] == row["prediction"] for row in rows]

        assert [row["text"] for row in rows] == [example.text for example in examples]
        assert [row["prediction"] for row in rows] == [answer.text for answer in answers]
        assert json_of(run / "metrics.json")["metrics"]["accuracy"] == statistics.fmean(right)

    def test_transformers_loads_the_model_with_its_labels(self, run):
        model, info = AutoModelForSequenceClassification.from_pretrained(
            run / "model", output_loading_info=True
        )

        assert not info["missing_keys"]
        assert not info["unexpected_keys"]
        assert model.config.id2label == {0: "negative", 1: "positive"}
        assert AutoTokenizer.from_pretrained(run / "model").tokenize("good") == ["good"]


class TestSeeds:
    def test_every_seed_is_a_full_run(self, seeds_run):
        assert {path.name for path in seeds_run.iterdir()} == {
            "summary.json",
            *(f"seed-{seed}" for seed in SEEDS),
        }
        for seed in SEEDS:
            folder = seeds_run / f"seed-{seed}"
            assert {path.name for path in folder.iterdir()} == RUN_FILES | {"scatter.png"}
            assert json_of(folder / "metrics.json")["seed"] == seed
            settings = json_of(folder / "settings.json")
            assert (settings["seed"], settings["seeds"]) == (seed, [])

    def test_a_seed_gives_the_same_run_among_others_as_alone(
        self, seeds_run, model, scored, tmp_path
    ):
        """The same bits: what one seed draws leaves no trace in the next."""
        among = seeds_run / "seed-2"
        alone = fine_tune(tiny_settings(model, scored, tmp_path / "run", task="sts-b", seed=2))

        for name in ("log.jsonl", "model/model.safetensors", "predictions.tsv"):
            assert (among / name).read_bytes() == (alone / name).read_bytes(), name

    def test_seeds_differ(self, seeds_run):
        logs = {(seeds_run / f"seed-{seed}" / "log.jsonl").read_text() for seed in SEEDS}

        assert len(logs) == 3

    def test_the_summary(self, seeds_run):
        summary = json_of(seeds_run / "summary.json")
        runs = {
            f"seed-{seed}": json_of(seeds_run / f"seed-{seed}" / "metrics.json")["metrics"]
            for seed in SEEDS
        }
        values = [metrics["pearson"] for metrics in runs.values()]
        mean = sum(values) / 3
        deviation = (sum((value - mean) ** 2 for value in values) / 2) ** 0.5

        assert len(set(values)) == 3
        assert summary["task"] == "sts-b"
        assert summary["runs"] == runs
        assert summary["metrics"]["pearson"] == pytest.approx(
            {"mean": mean, "sd": deviation, "min": min(values), "max": max(values)}
        )
        assert runs[summary["best"]]["pearson"] == max(values)

    def test_one_seed_has_no_deviation(self, tmp_path, model, data):
        output = tmp_path / "run"
        fine_tune(tiny_settings(model, data, output, seeds=(5,), epochs=1))

        assert json_of(output / "summary.json")["metrics"]["accuracy"]["sd"] == 0.0


class TestOverwrite:
    def test_a_run_is_not_overwritten_unasked(self, old_run, model, data):
        before = contents(old_run)

        message = refusal(tiny_settings(model, data, old_run))

        assert "already holds a run" in message
        assert "--overwrite" in message
        assert contents(old_run) == before

    def test_a_run_is_replaced_when_asked_and_foreign_files_stay(self, old_run, model, data):
        fine_tune(tiny_settings(model, data, old_run, overwrite=True, seeds=(7,), epochs=1))

        assert {path.name for path in old_run.iterdir()} == {"seed-7", "summary.json", "notes.md"}
        assert (old_run / "notes.md").read_text() == "mine"

    def test_a_model_inside_the_output_is_refused(self, old_run, data):
        before = contents(old_run)

        message = refusal(tiny_settings(old_run, data, old_run, overwrite=True))

        assert message == (
            f"--model {old_run / 'model'} lies in --output {old_run}; choose another --output"
        )
        assert contents(old_run) == before

    @pytest.mark.parametrize(
        ("spoil", "complaint"),
        [
            ("weights", "not a whole safetensors file"),
            ("label", "train.tsv, line 3: unknown label '7'"),
            ("data", "no such folder"),
            ("task", "no GLUE task"),
            ("device", "is not to be had here"),
            ("length", "max_length 100 is more than the model's 72 positions"),
            ("vocabulary", "they do not belong together"),
            ("head", "new_head=True"),
            ("attention", "attention 'fast' is unknown"),
        ],
    )
    def test_a_start_that_fails_leaves_the_old_run_alone(
        self, old_run, run, model, data, tmp_path, spoil, complaint
    ):
        before = contents(old_run)
        changes = {}
        if spoil == "weights":
            model = shutil.copytree(model, tmp_path / "model")
            weights = model / "model.safetensors"
            weights.write_bytes(weights.read_bytes()[:-100])
        if spoil == "label":
            data = shutil.copytree(data, tmp_path / "data")
            (data / "train.tsv").write_text("sentence\tlabel\nfine\t1\nodd\t7\n")
        if spoil == "data":
            data = tmp_path / "nowhere"
        if spoil == "task":
            changes = {"task": "squad"}
        if spoil == "device":
            changes = {"device": "tpu"}
        if spoil == "length":
            changes = {"max_length": 100}
        if spoil == "vocabulary":
            model = save_tiny_model(tmp_path / "small", vocab_size=900)
        if spoil == "head":
            model, data, changes = run, GLUE, {"task": "sts-b"}
        if spoil == "attention":
            changes = {"attention": "fast"}

        message = refusal(tiny_settings(model, data, old_run, overwrite=True, **changes))

        assert complaint in message
        assert contents(old_run) == before


def test_a_fresh_head_replaces_one_of_another_size(run, tmp_path):
    data = small_data(tmp_path / "STS-B", "STS-B")
    settings = tiny_settings(
        run, data, tmp_path / "run", task="sts-b", new_head=True, epochs=1, max_length=32
    )

    metrics = json_of(fine_tune(settings) / "metrics.json")

    assert metrics["metrics"].keys() == {"pearson", "spearman"}


def test_training_goes_on_from_a_runs_own_head(run, data, tmp_path):
    """With a rate of zero the head stays what the first run has made of it."""
    settings = tiny_settings(run, data, tmp_path / "run", learning_rate=0.0, epochs=1)

    again = load_file(fine_tune(settings) / "model" / "model.safetensors")

    first = load_file(run / "model" / "model.safetensors")
    assert again["classifier.weight"].equal(first["classifier.weight"])


def test_a_limit_on_the_training_examples_leaves_the_dev_set_whole(model, data, tmp_path):
    output = fine_tune(tiny_settings(model, data, tmp_path / "run", train_limit=6, epochs=1))

    metrics = json_of(output / "metrics.json")
    assert (metrics["train_examples"], metrics["dev_examples"]) == (6, 30)
    assert json_lines(output / "timing.jsonl")[-1]["step"] == 2


def test_texts_that_are_cut_are_counted_and_told(model, data, tmp_path, capsys):
    output = fine_tune(tiny_settings(model, data, tmp_path / "run", max_length=8, epochs=1))

    truncated = json_of(output / "metrics.json")["truncated"]
    assert 0 < truncated <= 50
    cut = re.findall(r"examples, (\d+) of them cut to 8 word pieces", capsys.readouterr().out)
    assert sum(map(int, cut)) == truncated


def test_what_one_sees(model, data, tmp_path, capsys):
    output = fine_tune(tiny_settings(model, data, tmp_path / "run"))

    seen = capsys.readouterr().out
    assert "training   20 examples\ndev        30 examples\n" in seen
    assert "2 newly initialised: classifier.weight, classifier.bias" in seen
    assert seen.count("training loss") == 2
    assert f"in {output}" in seen.splitlines()[-1]


def test_a_test_file_is_scored_on_the_best_model(model, data, tmp_path, capsys):
    settings = tiny_settings(model, data, tmp_path / "run", test=data / "dev.tsv")
    run = fine_tune(settings)
    result = json_of(run / "metrics.json")
    assert result["test_metrics"] == result["metrics"]  # the same file, and the same model
    assert f"test: accuracy {result['metrics']['accuracy']:.4f}" in capsys.readouterr().out


def test_a_run_finds_its_data_from_any_folder(model, data, monkeypatch, tmp_path):
    monkeypatch.chdir(data.parent)
    run = fine_tune(tiny_settings(model, Path(data.name), tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    assert SavedRun(run).evaluate().metrics == json_of(run / "metrics.json")["metrics"]


@pytest.fixture(scope="module")
def finetuned(model, data, tmp_path_factory):
    """A function: the run of one epoch with these settings."""

    def finetune(**changes):
        folder = tmp_path_factory.mktemp("runs") / "run"
        return fine_tune(tiny_settings(model, data, folder, epochs=1, **changes))

    return finetune


@pytest.fixture(scope="module")
def usual(finetuned):
    return finetuned()


class TestOptionsOfTheModel:
    """Those that act when the model is loaded, seen in the runs that they make."""

    def losses(self, run):
        return [row["loss"] for row in json_lines(run / "log.jsonl") if "loss" in row]

    def test_gradient_checkpointing_computes_the_layers_again(self, finetuned, usual, monkeypatch):
        from minibert.model.encoder import EncoderLayer

        calls, forward = [], EncoderLayer.forward
        monkeypatch.setattr(
            EncoderLayer, "forward", lambda *given: calls.append(None) or forward(*given)
        )
        run = finetuned(gradient_checkpointing=True)

        assert len(calls) == 2 * (5 * 2 + 2)  # two layers; five steps, twice each; two evaluations
        assert (run / "log.jsonl").read_bytes() == (usual / "log.jsonl").read_bytes()

    @pytest.mark.parametrize(
        "changes",
        [
            {"reinit_layers": 1},
            {"dropout": 0.3},
            {"label_smoothing": 0.2},
            {"class_weights": (1.0, 4.0)},
            {"class_weights": "balanced"},
            {"batching": "bucket"},
        ],
        ids=str,
    )
    def test_an_option_reaches_the_first_step(self, finetuned, usual, changes):
        assert self.losses(finetuned(**changes))[0] != self.losses(usual)[0]

    def test_compiled_it_is_the_same_model(self, finetuned, monkeypatch):
        """Captured and cut into graphs as for good, but run by torch as it is: that is quick."""
        compile, asked = torch.compile, []

        def captured(function, **options):
            asked.append(options)
            return compile(function, backend="eager", **{**options, "dynamic": True})

        monkeypatch.setattr(torch, "compile", captured)
        plain, compiled = finetuned(dropout=0.0), finetuned(dropout=0.0, compile=True)

        assert asked == [{"dynamic": True}]
        assert self.losses(compiled) == pytest.approx(self.losses(plain), rel=1e-4)
        ours, theirs = (load_file(run / "model" / "model.safetensors") for run in (compiled, plain))
        assert ours.keys() == theirs.keys()

    @pytest.mark.slow
    def test_compiled_for_good_too(self, finetuned):
        plain, compiled = finetuned(dropout=0.0), finetuned(dropout=0.0, compile=True)

        assert self.losses(compiled) == pytest.approx(self.losses(plain), rel=1e-3)

    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"freeze": 5}, "freeze 5 is more than the model's 2 layers"),
            ({"best_by": "f1"}, "best_by 'f1' is unknown here"),
            ({"class_weights": (1.0,)}, "1 class weights for sst-2"),
        ],
        ids=str,
    )
    def test_what_does_not_fit_is_refused_before_the_output_is_touched(
        self, model, data, tmp_path, changes, complaint
    ):
        assert complaint in refusal(tiny_settings(model, data, tmp_path / "run", **changes))
        assert not (tmp_path / "run").exists()
