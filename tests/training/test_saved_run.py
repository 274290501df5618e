"""A run loaded again: evaluated on its own data and on other files, and asked for answers."""

import shutil

import numpy as np
import pytest
from tiny_runs import GLUE, json_of, save_tiny_model, small_data, tiny_settings

from minibert.errors import MinibertError
from minibert.tasks.glue import task_named
from minibert.training.finetune import fine_tune
from minibert.training.saved import SavedRun


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory, model):
    """{task: a short run of it}, which lies beside its data."""
    made = {}
    for task, folder in (("sst-2", "SST-2"), ("mrpc", "MRPC"), ("sts-b", "STS-B")):
        data = small_data(tmp_path_factory.mktemp("data") / folder, folder)
        output = tmp_path_factory.mktemp("runs") / task
        made[task] = fine_tune(tiny_settings(model, data, output, task=task, epochs=1))
    return made


def load(run):
    return SavedRun(run, "cpu", "float32")


def refusal(call, *arguments):
    with pytest.raises(MinibertError) as error:
        call(*arguments)
    return str(error.value)


@pytest.mark.parametrize("name", ["sst-2", "mrpc", "sts-b"])
class TestEveryTask:
    def test_its_own_dev_set_gives_the_metrics_that_were_written_down(self, runs, name):
        written = json_of(runs[name] / "metrics.json")

        found = load(runs[name]).evaluate()

        assert found.metrics == written["metrics"]
        assert found.loss == pytest.approx(written["dev_loss"])

    def test_another_folder_or_file_gives_the_same_numbers_either_way(self, runs, name):
        task, saved = task_named(name), load(runs[name])

        folder = saved.evaluate(data=GLUE)
        file = saved.evaluate(dev=task.file(GLUE, "dev"))

        assert len(folder.outputs) == len(task.read(task.file(GLUE, "dev"))) > 6
        assert np.array_equal(folder.outputs, file.outputs)
        assert folder.metrics == file.metrics

    def test_a_file_of_predictions(self, runs, name, tmp_path):
        task, saved = task_named(name), load(runs[name])
        source, target = task.file(GLUE, "test"), tmp_path / "out.tsv"
        examples = task.read(source, labelled=False)

        count = saved.predict_file(source, target)

        header, *rows = target.read_text(encoding="utf-8").splitlines()
        rows = [dict(zip(header.split("\t"), row.split("\t"), strict=True)) for row in rows]
        pairs = [row.pair for row in examples] if examples[0].pair else None
        answers = saved.predict([row.text for row in examples], pairs)
        assert count == len(rows) == len(examples)
        assert [row["prediction"] for row in rows] == [answer.text for answer in answers]
        assert [row["text"] for row in rows] == [example.text for example in examples]
        assert {row["label"] for row in rows} == {""}


def test_the_second_text_matters(runs):
    saved = load(runs["mrpc"])

    same, other = saved.predict(["a good film", "a good film"], ["a good film", "rain at noon"])

    assert same.probabilities != other.probabilities
    assert sum(other.probabilities.values()) == pytest.approx(1)


def test_an_answer_does_not_depend_on_its_neighbours(runs):
    saved = load(runs["sst-2"])
    alone = saved.predict(["good"])[0].probabilities

    among = saved.predict(["a much longer sentence than that one", "good"])[1].probabilities

    assert among == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "pairs", "complaint"),
    [
        ("sst-2", ["b"], "sst-2 is about single texts: leave out --text-pair"),
        ("mrpc", None, "mrpc is about pairs of texts: give --text-pair as well"),
        ("mrpc", ["b", "c"], "1 texts and 2 second texts make no pairs"),
    ],
)
def test_texts_that_do_not_fit_the_task(runs, name, pairs, complaint):
    assert refusal(load(runs[name]).predict, ["a"], pairs) == complaint


def test_of_several_seeds_the_best_answers(model, tmp_path):
    data = small_data(tmp_path / "STS-B", "STS-B")
    settings = tiny_settings(model, data, tmp_path / "run", task="sts-b", seeds=(1, 2, 3), epochs=1)
    output = fine_tune(settings)
    summary = json_of(output / "summary.json")

    saved = load(output)

    assert saved.path == output / summary["best"]
    assert saved.evaluate().metrics["pearson"] == summary["metrics"]["pearson"]["max"]


class TestBrokenRuns:
    @pytest.fixture
    def broken(self, runs, tmp_path):
        return shutil.copytree(runs["sst-2"], tmp_path / "run")

    def test_truncated_weights(self, broken):
        weights = broken / "model" / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])

        assert refusal(load, broken).startswith(f"{weights}: not a whole safetensors file")

    @pytest.mark.parametrize("content", ["{}", '{"task": "sst-2"}', '{"task": 3}', "[]", ""])
    def test_settings_that_are_no_runs(self, broken, content):
        (broken / "settings.json").write_text(content)

        assert str(broken / "settings.json") in refusal(load, broken)

    def test_a_missing_tokenizer(self, broken):
        for name in ("tokenizer.json", "vocab.txt"):
            (broken / "model" / name).unlink()

        assert "no tokenizer.json and no vocab.txt" in refusal(load, broken)

    def test_data_that_has_gone(self, broken, runs, tmp_path):
        settings = json_of(broken / "settings.json")
        text = (broken / "settings.json").read_text().replace(settings["data"], "/nowhere")
        (broken / "settings.json").write_text(text)

        assert refusal(load(broken).evaluate) == "/nowhere: no such folder"

    def test_predictions_into_a_folder_that_is_not_there(self, runs, tmp_path):
        target = tmp_path / "nowhere" / "out.tsv"

        message = refusal(load(runs["sst-2"]).predict_file, GLUE / "SST-2" / "test.tsv", target)

        assert message == f"{target}: there is no folder {target.parent}"
