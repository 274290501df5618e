"""The run directory: what it holds while written, what may be replaced, and how it is found."""

import json

import pytest
import torch
from tiny_runs import json_lines, json_of

import minibert
from minibert.checkpoint.disk import write_json
from minibert.errors import RunError
from minibert.training.run import FILES, RunDirectory, find_run, make_room


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def fill(folder, *, seeds=()):
    """A run as it lies on disk, as far as names go; with seeds, one run for each."""
    for run in [folder / f"seed-{seed}" for seed in seeds] or [folder]:
        (run / "model").mkdir(parents=True)
        (run / "model" / "model.safetensors").write_text("weights")
        for name in FILES:
            if name != "summary.json":
                (run / name).write_text("{}")
    if seeds:
        write_json(folder / "summary.json", {"best": f"seed-{seeds[-1]}"})
    return folder


def refusal(call, *arguments):
    with pytest.raises(RunError) as error:
        call(*arguments)
    return str(error.value)


def test_settings_say_all_that_a_result_may_depend_on(tmp_path):
    with RunDirectory(tmp_path / "a" / "run", {"task": "sst-2", "epochs": 3}):
        pass

    settings = json_of(tmp_path / "a" / "run" / "settings.json")
    environment = settings.pop("environment")
    assert settings == {"task": "sst-2", "epochs": 3}
    assert environment["minibert"] == minibert.__version__
    assert environment["torch"] == torch.__version__
    assert environment["threads"] == torch.get_num_threads()
    assert environment["processes"] == 1
    assert {"python", "numpy", "tokenizers", "safetensors", "platform"} < environment.keys()


def test_clocks_are_kept_apart_from_what_can_be_reproduced(tmp_path):
    with RunDirectory(tmp_path, {}) as run:
        run.log({"step": 1, "loss": 0.5}, tokens=12)
        run.log({"step": 1, "dev_loss": 0.25})

    (clock,) = json_lines(tmp_path / "timing.jsonl")
    assert json_lines(tmp_path / "log.jsonl") == [
        {"step": 1, "loss": 0.5},
        {"step": 1, "dev_loss": 0.25},
    ]
    assert clock.keys() == {"step", "seconds", "tokens", "tokens_per_second", "memory_mb"}
    assert (clock["step"], clock["tokens"]) == (1, 12)
    assert clock["seconds"] >= 0
    assert clock["memory_mb"] > 50


def test_what_was_logged_can_be_read_while_the_run_goes_on(tmp_path):
    with RunDirectory(tmp_path, {}) as run:
        run.log({"step": 1}, tokens=1)

        assert len(json_lines(tmp_path / "log.jsonl")) == 1
        assert len(json_lines(tmp_path / "timing.jsonl")) == 1


class TestMakeRoom:
    @pytest.mark.parametrize("overwrite", [True, False])
    def test_a_new_or_an_empty_folder_is_fine(self, tmp_path, overwrite):
        make_room(tmp_path, overwrite)
        make_room(tmp_path / "new" / "run", overwrite)

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("seeds", [(), (1, 2)])
    def test_a_run_is_not_replaced_unasked(self, tmp_path, seeds):
        before = files(fill(tmp_path, seeds=seeds))

        message = refusal(make_room, tmp_path, False)

        assert message == (
            f"--output {tmp_path} already holds a run; choose another folder, replace it with "
            "--overwrite, or go on with it: --resume auto"
        )
        assert files(tmp_path) == before

    @pytest.mark.parametrize("seeds", [(), (1, 2)])
    def test_a_run_is_replaced_when_asked(self, tmp_path, seeds):
        make_room(fill(tmp_path, seeds=seeds), True)

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("overwrite", [True, False])
    def test_a_folder_that_is_no_run_is_never_touched(self, tmp_path, overwrite):
        (tmp_path / "thesis.tex").write_text("years of work")
        (tmp_path / "model").mkdir()

        message = refusal(make_room, tmp_path, overwrite)

        assert message == (
            f"--output {tmp_path} holds files that are no run's; choose another folder"
        )
        assert files(tmp_path) == {"thesis.tex"}
        assert (tmp_path / "model").is_dir()

    def test_what_is_not_the_runs_stays(self, tmp_path):
        fill(tmp_path, seeds=(1, 2))
        foreign = ["notes.md", "seed-1/notes.md", "seed-catalogue/list.txt", "seed-3.txt"]
        (tmp_path / "seed-catalogue").mkdir()
        for name in foreign:
            (tmp_path / name).write_text("mine")

        make_room(tmp_path, True)

        assert files(tmp_path) == set(foreign)
        assert not (tmp_path / "seed-2").exists()

    def test_several_seeds_that_were_stopped_midway_can_be_replaced(self, tmp_path):
        """There is no summary yet, and still it is a run."""
        fill(tmp_path, seeds=(1, 2))
        (tmp_path / "summary.json").unlink()

        assert "already holds a run" in refusal(make_room, tmp_path, False)
        make_room(tmp_path, True)
        assert list(tmp_path.iterdir()) == []

    def test_a_file_is_no_folder(self, tmp_path):
        path = tmp_path / "run"
        path.write_text("a file")

        assert refusal(make_room, path, True) == f"--output {path} is a file; name a folder"


class TestFindRun:
    def test_a_run_is_found_as_it_is(self, tmp_path):
        assert find_run(fill(tmp_path)) == tmp_path

    def test_of_several_seeds_the_best(self, tmp_path):
        assert find_run(fill(tmp_path, seeds=(1, 2))) == tmp_path / "seed-2"

    def test_one_seed_can_be_named(self, tmp_path):
        assert find_run(fill(tmp_path, seeds=(1, 2)) / "seed-1") == tmp_path / "seed-1"

    def test_several_seeds_without_a_summary_are_named(self, tmp_path):
        fill(tmp_path, seeds=(1, 2))
        (tmp_path / "summary.json").unlink()

        assert refusal(find_run, tmp_path) == (
            f"{tmp_path}: stopped before its last seed; name one, such as {tmp_path / 'seed-1'}"
        )

    def test_a_missing_run(self, tmp_path):
        path = tmp_path / "nowhere"

        assert refusal(find_run, path) == f"{path}: no such run directory"

    def test_a_folder_that_is_no_run(self, tmp_path):
        assert refusal(find_run, tmp_path) == (
            f"{tmp_path}: no settings.json there, so it is no run directory"
        )

    def test_a_run_that_stopped_before_its_first_evaluation(self, tmp_path):
        with RunDirectory(tmp_path, {}):
            pass

        assert refusal(find_run, tmp_path) == (
            f"{tmp_path}: the run stopped before its first evaluation; there is no model yet"
        )

    @pytest.mark.parametrize("content", ["", "{", "[]", '"text"'])
    def test_a_summary_that_cannot_be_read_is_named(self, tmp_path, content):
        fill(tmp_path, seeds=(1,))
        (tmp_path / "summary.json").write_text(content)

        assert refusal(find_run, tmp_path).startswith(f"{tmp_path / 'summary.json'}: ")


def test_json_is_written_whole_or_not_at_all(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})

    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})

    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}
    assert files(tmp_path) == {"a.json"}
