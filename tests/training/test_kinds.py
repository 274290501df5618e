"""One path for every kind of task: trained, evaluated and predicted with from its own settings."""

import shutil

import numpy as np
import pytest
import torch
from tiny_runs import GLUE, MAX_LENGTH, json_of, save_tiny_model, small_data, tiny_settings

from minibert import BertForSequenceClassification, BertTokenizer
from minibert.errors import MinibertError
from minibert.tasks.glue import task_named
from minibert.training.finetune import fine_tune
from minibert.training.handing_in import submission, submit
from minibert.training.saved import SavedRun
from minibert.training.settings import SentimentSettings, TextSettings

QUICK = {
    "device": "cpu",
    "precision": "float32",
    "epochs": 1,
    "batch_size": 8,
    "max_length": MAX_LENGTH,
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def mnli_data(tmp_path_factory):
    """MNLI's sample files cut short, with a diagnostic beside them."""
    root = tmp_path_factory.mktemp("glue")
    (root / "MNLI").mkdir()
    for path in (GLUE / "MNLI").iterdir():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        (root / "MNLI" / path.name).write_text("".join(lines[:10]), encoding="utf-8")
    (root / "AX").mkdir()
    (root / "AX" / "diagnostic.tsv").write_text("index\tsentence1\tsentence2\n0\ta\tb\n")
    (root / "AX" / "diagnostic-full.tsv").write_text(
        "Premise\tHypothesis\tLabel\na\tb\tneutral\nc\td\tentailment\n"
    )
    return root


@pytest.fixture(scope="module")
def mnli(tmp_path_factory, model, mnli_data):
    output = tmp_path_factory.mktemp("runs") / "mnli"
    return fine_tune(tiny_settings(model, mnli_data, output, task="MNLI", epochs=1, seeds=(1, 2)))


def load(run):
    return SavedRun(run, "cpu", "float32")


def refusal(call, *arguments):
    with pytest.raises(MinibertError) as error:
        call(*arguments)
    return str(error.value)


def text_settings(model, output, **changes):
    return TextSettings(**{**QUICK, "model": str(model), "output": output, **changes})


class TestMnli:
    def test_both_dev_sets_are_measured_and_the_matched_one_decides(self, mnli):
        summary = json_of(mnli / "summary.json")
        names = {"accuracy", "mismatched_accuracy"}

        assert summary["metrics"].keys() == names
        assert all(run.keys() == names for run in summary["runs"].values())
        best = summary["runs"][summary["best"]]["accuracy"]
        assert best == summary["metrics"]["accuracy"]["max"]
        assert json_of(mnli / "seed-1" / "settings.json")["task"] == "mnli"

    def test_evaluate_finds_both_again(self, mnli, mnli_data):
        saved = load(mnli)

        assert saved.evaluate().metrics == json_of(saved.path / "metrics.json")["metrics"]
        alone = saved.evaluate(dev=mnli_data / "MNLI" / "dev_mismatched.tsv").metrics
        assert alone == {"accuracy": saved.evaluate().metrics["mismatched_accuracy"]}

    def test_the_diagnostic_is_evaluated_with_its_own_metric(self, mnli, model, tmp_path):
        found = load(mnli).evaluate(task="ax")

        assert found.metrics.keys() == {"matthews"}
        assert found.outputs.shape == (2, 3)
        sst = small_data(tmp_path / "SST-2")
        other = fine_tune(tiny_settings(model, sst, tmp_path / "run", epochs=1))
        assert "a run of sst-2: no answers for ax" in refusal(
            load(other).evaluate, None, None, "dev", "ax"
        )

    def test_unlabelled_examples_are_not_evaluated(self, mnli):
        assert "the test examples of mnli have no labels" in refusal(
            load(mnli).evaluate, None, None, "test"
        )

    def test_a_submission_answers_all_three_files(self, mnli, mnli_data, tmp_path, capsys):
        saved = load(mnli)

        paths = submit(saved)

        assert [path.name for path in paths] == ["MNLI-m.tsv", "MNLI-mm.tsv", "AX.tsv"]
        task = task_named("mnli")
        for path, split in zip(paths, ("test", "test_mismatched"), strict=False):
            saved.predict_file(task.file(mnli_data, split), tmp_path / "out.tsv")
            rows = (tmp_path / "out.tsv").read_text(encoding="utf-8").splitlines()[1:]
            answers = [row.split("\t")[2] for row in rows]
            lines = path.read_text().splitlines()[1:]
            assert [line.split("\t")[1] for line in lines] == answers
        missing = submission([mnli], tmp_path / "out.zip")
        assert "RTE.tsv" in missing
        assert not {"MNLI-m.tsv", "AX.tsv"} & set(missing)

        (mnli_data / "AX" / "diagnostic.tsv").rename(mnli_data / "AX" / "away.tsv")
        assert len(submit(saved)) == 2
        assert "AX.tsv left out: " in capsys.readouterr().out
        (mnli_data / "AX" / "away.tsv").rename(mnli_data / "AX" / "diagnostic.tsv")


class TestLabelOrder:
    @pytest.fixture
    def elsewhere(self, model, tmp_path):
        """A checkpoint whose head says entailment, neutral, contradiction, as the hub does."""
        torch.manual_seed(1)
        head = BertForSequenceClassification.from_pretrained(model, 3)
        head.label_names = ("entailment", "neutral", "contradiction")
        head.save_pretrained(tmp_path / "hub", BertTokenizer.from_pretrained(model))
        return tmp_path / "hub"

    def test_it_is_put_into_ours_and_said(self, elsewhere, mnli_data, tmp_path, capsys):
        """With a rate of 0 the run is the checkpoint: the same classes by name."""
        settings = tiny_settings(
            elsewhere, mnli_data, tmp_path / "run", task="mnli", learning_rate=0.0, epochs=1
        )
        run = fine_tune(settings)
        seen = capsys.readouterr().out
        before = BertForSequenceClassification.from_pretrained(elsewhere)
        after = BertForSequenceClassification.from_pretrained(run)
        ids = torch.tensor([[5, 6, 7, 8]])

        hub, ours = before(ids).logits[0].tolist(), after(ids).logits[0].tolist()

        assert after.label_names == ("contradiction", "entailment", "neutral")
        assert dict(zip(after.label_names, ours, strict=True)) == pytest.approx(
            dict(zip(before.label_names, hub, strict=True)), abs=1e-5
        )
        assert "labels     the head's order was entailment, neutral, contradiction; put" in seen

    def test_a_new_head_has_no_order(self, elsewhere, mnli_data, tmp_path, capsys):
        settings = tiny_settings(
            elsewhere, mnli_data, tmp_path / "run", task="mnli", new_head=True, epochs=1
        )
        fine_tune(settings)

        assert "labels     " not in capsys.readouterr().out


@pytest.mark.parametrize("warned", [True, False])
def test_doubts_are_said_and_written_down(model, tmp_path, capsys, warned):
    """At a rate of 0 the fresh head says nearly always the same; on what it learnt it does not."""
    data = small_data(tmp_path / "SST-2", train=40)
    shutil.copy(data / "train.tsv", data / "dev.tsv")
    changes = {"learning_rate": 0.0 if warned else 3e-3, "epochs": 1 if warned else 15}
    run = fine_tune(tiny_settings(model, data, tmp_path / "run", dropout=0.0, seed=1, **changes))

    warnings = json_of(run / "metrics.json")["warnings"]

    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert said == [f"warning: {warning}" for warning in warnings]
    assert bool(warnings) == warned
    doubts = load(run).evaluate().doubts
    assert bool(doubts) == warned
    assert all(any(doubt in warning for warning in warnings) for doubt in doubts)


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    path = tmp_path_factory.mktemp("mine") / "train.csv"
    rows = [f'{n},"a {"good" if n % 2 else "bad"} film, no. {n}",{n % 2}' for n in range(40)]
    path.write_text("\n".join(["id,review,stars", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def text_run(tmp_path_factory, model, train):
    output = tmp_path_factory.mktemp("runs") / "text"
    settings = text_settings(
        model, output, train=train, text_column="review", label_column="stars", dev_share=0.25
    )
    return fine_tune(settings)


class TestText:
    def test_the_run_knows_its_classes_and_its_dev_rows(self, text_run):
        settings, metrics = json_of(text_run / "settings.json"), json_of(text_run / "metrics.json")

        found = load(text_run).evaluate()

        assert (settings["kind"], settings["label_names"]) == ("text", ["0", "1"])
        assert (metrics["train_examples"], metrics["dev_examples"]) == (30, 10)
        assert found.metrics == metrics["metrics"]
        assert found.metrics.keys() == {"accuracy", "macro_f1"}
        assert len(found.outputs) == 10

    def test_it_predicts_texts_and_files(self, text_run, tmp_path):
        saved = load(text_run)
        (tmp_path / "in.csv").write_text("review\na good film\na bad film\n")

        count = saved.predict_file(tmp_path / "in.csv", tmp_path / "out.tsv")

        rows = (tmp_path / "out.tsv").read_text().splitlines()[1:]
        answers = saved.predict(["a good film", "a bad film"])
        assert count == 2
        assert [row.split("\t")[2] for row in rows] == [answer.value for answer in answers]
        assert set(answers[0].probabilities) == {"0", "1"}

    def test_it_predicts_a_split(self, text_run, tmp_path):
        assert load(text_run).predict_split("dev", tmp_path / "out.tsv") == 10

    def test_glue_does_not_ask_for_it(self, text_run, tmp_path):
        assert "a run of text, which GLUE does not ask for" in refusal(submit, load(text_run))
        assert "which GLUE does not ask for" in refusal(submission, [text_run], tmp_path / "o.zip")

    def test_scores_of_pairs(self, model, train, tmp_path):
        settings = text_settings(
            model,
            tmp_path / "run",
            train=train,
            dev=train,
            text_column="review",
            pair_column="id",
            label_column="stars",
            regression=True,
        )

        run = fine_tune(settings)

        assert json_of(run / "metrics.json")["metrics"].keys() == {"pearson", "spearman"}
        assert load(run).evaluate().outputs.shape == (40, 1)
        assert isinstance(load(run).predict(["a"], ["b"])[0].value, float)
        assert "text is about pairs of texts" in refusal(load(run).predict, ["a"])

    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"dev_share": 0.0}, "dev_share must lie between 0 and 1, not 0.0"),
            ({"dev": "x.csv"}, "--dev needs --train beside it"),
            ({"pair_column": "text"}, "the columns 'text', 'text', 'label' must differ"),
        ],
    )
    def test_settings_that_make_no_sense(self, changes, complaint):
        with pytest.raises(MinibertError) as error:
            TextSettings(**changes)
        assert str(error.value) == complaint


class TestSentiment:
    def test_a_run_cuts_texts_the_same_way_again(self, model, tmp_path):
        """The same words at both ends, others in the middle, and much longer than fits."""
        lines = [
            f"{n % 2} ||| {'good ' * 30}{'film ' * 40}{('bad', 'rain')[n % 2] + ' '}" * 2
            for n in range(16)
        ]
        for split in ("train", "dev"):
            (tmp_path / f"cfimdb-{split}.txt").write_text("\n".join(lines) + "\n")
        found = {}
        for truncation in ("head", "head-tail"):
            settings = SentimentSettings(
                **QUICK,
                task="cfimdb",
                truncation=truncation,
                model=str(model),
                data=tmp_path,
                output=tmp_path / truncation,
            )
            run = fine_tune(settings)
            saved = load(run)
            found[truncation] = saved.evaluate()
            written = json_of(run / "metrics.json")
            assert found[truncation].loss == pytest.approx(written["dev_loss"])
            assert written["truncated"] == 32
            text = lines[0].partition("|||")[2].strip()
            logits = saved.predict([text])[0].probabilities
            expected = np.exp(found[truncation].outputs[0])
            assert logits["positive"] == pytest.approx(expected[1] / expected.sum(), abs=1e-5)
        assert found["head"].loss != pytest.approx(found["head-tail"].loss)


@pytest.mark.parametrize("kind", [None, "poetry"])
def test_a_kind_that_is_unknown(mnli, tmp_path, kind):
    run = shutil.copytree(mnli / "seed-1", tmp_path / "run")
    text = (run / "settings.json").read_text()
    (run / "settings.json").write_text(text.replace('"kind": "glue"', f'"kind": "{kind}"'))

    assert f"no kind of task '{kind}'" in refusal(load, run)
