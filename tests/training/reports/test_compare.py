"""`minibert compare`: what differs, what the runs reach, and what cannot be compared."""

import json
import shutil
import statistics

import pytest
from matplotlib.image import imread
from tiny_runs import json_of, save_tiny_model, small_data, tiny_settings

from minibert.errors import RunError
from minibert.training import compare_runs
from minibert.training.finetune import fine_tune


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three runs of one task, `seeds` with two seeds; and one of another task."""
    folder = tmp_path_factory.mktemp("compare")
    model = save_tiny_model(folder / "tiny")
    data = small_data(folder / "SST-2")
    start = tiny_settings
    fine_tune(start(model, data, folder / "slow", learning_rate=1e-3))
    fine_tune(start(model, data, folder / "fast", learning_rate=1e-2, batch_size=6))
    fine_tune(start(model, data, folder / "seeds", learning_rate=1e-3, seeds=(1, 2)))
    scores = small_data(folder / "STS-B", "STS-B")
    fine_tune(start(model, scores, folder / "scores", task="sts-b", epochs=1))
    return folder


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder / "fast", tmp_path / "copy")


def refusal(*paths, output):
    with pytest.raises(RunError) as error:
        compare_runs(paths, output)
    assert not output.exists()
    return str(error.value)


def test_what_differs_and_what_was_reached(folder, tmp_path):
    text = compare_runs([folder / "slow", folder / "fast"], tmp_path / "out.png")

    title, _, head, slow, fast, _, last = text.splitlines()
    assert title == "sst-2: 2 runs"
    assert head.split() == [
        *["run", "batch_size", "learning_rate", "accuracy"],
        *["dev", "loss", "best", "epoch", "seconds"],
    ]
    results = json_of(folder / "fast" / "metrics.json")
    assert fast.split() == [
        str(folder / "fast"),
        "6",
        "0.01",
        f"{results['metrics']['accuracy']:.4f}",
        f"{results['dev_loss']:.4f}",
        str(results["best_epoch"]),
        f"{results['train_seconds']:.1f}",
    ]
    assert slow.split()[:3] == [str(folder / "slow"), "4", "0.001"]
    assert last == f"curves in {tmp_path / 'out.png'}"
    assert imread(tmp_path / "out.png").shape[1] > 1000


def test_several_seeds_are_one_row(folder, tmp_path):
    text = compare_runs([folder / "slow", folder / "seeds"], tmp_path / "out.png")

    head, _, seeds = text.splitlines()[2:5]
    results = [json_of(folder / "seeds" / f"seed-{n}" / "metrics.json") for n in (1, 2)]
    losses = [result["dev_loss"] for result in results]
    assert head.split()[:3] == ["run", "seed", "accuracy"]
    assert f"  1 2  {results[0]['metrics']['accuracy']:.1f}"[:6] in seeds
    assert f"{statistics.fmean(losses):.4f} ± {statistics.stdev(losses):.4f}" in seeds
    assert "mean ± standard deviation" in text


def test_another_machine_is_said(folder, copy, tmp_path):
    settings = json_of(copy / "settings.json")
    settings["environment"]["threads"] = 64
    (copy / "settings.json").write_text(json.dumps(settings))
    text = compare_runs([folder / "fast", copy], tmp_path / "out.png")

    threads = json_of(folder / "fast" / "settings.json")["environment"]["threads"]
    assert f"not on equal terms: threads is {threads}, 64" in text


class TestRefused:
    def test_different_tasks(self, folder, tmp_path):
        message = refusal(folder / "fast", folder / "scores", output=tmp_path / "out.png")
        assert message == (
            "only runs of one task can be compared: "
            f"{folder / 'fast'} is sst-2, {folder / 'scores'} is sts-b"
        )

    def test_one_run_alone(self, folder, tmp_path):
        assert "two runs or more" in refusal(folder / "fast", output=tmp_path / "out.png")

    def test_an_output_nowhere(self, folder, tmp_path):
        output = tmp_path / "nowhere" / "out.png"
        message = refusal(folder / "fast", folder / "slow", output=output)
        assert message == f"--output {output}: there is no folder {output.parent}"

    @pytest.mark.parametrize(
        ("file", "content", "complaint"),
        [
            ("settings.json", None, "no settings.json there, so it is no run directory"),
            ("settings.json", "{", "settings.json: not readable"),
            ("settings.json", "{}", "settings.json: no 'environment' in it"),
            ("metrics.json", None, "no metrics.json there: the run is not finished"),
            ("metrics.json", "[]", "metrics.json: no JSON object"),
            ("metrics.json", '{"task": "sst-2"}', "metrics.json: no 'metrics', 'dev_loss', "),
            ("log.jsonl", None, "log.jsonl: not readable"),
            ("log.jsonl", '{"step": 1}\n{"st', "log.jsonl, line 2: no JSON object"),
            ("log.jsonl", "", "log.jsonl: no step and evaluation in it"),
        ],
    )
    def test_a_broken_run(self, folder, copy, tmp_path, file, content, complaint):
        if content is None:
            (copy / file).unlink()
        else:
            (copy / file).write_text(content)
        message = refusal(folder / "slow", copy, output=tmp_path / "out.png")
        assert complaint in message
        assert str(copy) in message

    def test_a_seed_that_is_not_finished(self, folder, tmp_path):
        seeds = shutil.copytree(folder / "seeds", tmp_path / "seeds")
        (seeds / "seed-2" / "metrics.json").unlink()
        message = refusal(folder / "slow", seeds, output=tmp_path / "out.png")
        assert message.startswith(f"{seeds / 'seed-2'}: no metrics.json there")
