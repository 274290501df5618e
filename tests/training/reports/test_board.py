"""--tensorboard: the numbers of log.jsonl once more; a clear word where the package is missing."""

import pytest
from tiny_runs import json_lines, save_tiny_model, small_data, tiny_settings

from minibert.errors import ConfigError
from minibert.training.finetune import fine_tune
from minibert.training.reports import board


@pytest.fixture
def settings(tmp_path):
    model, data = save_tiny_model(tmp_path / "tiny"), small_data(tmp_path / "SST-2")
    return tiny_settings(model, data, tmp_path / "run", epochs=2, tensorboard=True)


def test_without_the_package_nothing_is_begun(settings, monkeypatch):
    monkeypatch.setattr(board, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'minibert\[tensorboard\]'"):
        fine_tune(settings)
    assert not settings.output.exists()


def test_it_shows_what_the_log_holds(settings):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = fine_tune(settings)

    events = EventAccumulator(str(run / "tensorboard")).Reload()
    rows = json_lines(run / "log.jsonl")
    tags = set(events.Tags()["scalars"])
    assert {"loss", "rate", "gradient_norm", "dev_loss", "accuracy", "part_norms/head"} <= tags
    assert not {"step", "epoch"} & tags
    for name in ("loss", "dev_loss"):
        shown = [(event.step, event.value) for event in events.Scalars(name)]
        assert shown == [(r["step"], pytest.approx(r[name])) for r in rows if name in r]
