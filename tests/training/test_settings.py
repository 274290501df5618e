"""Settings check themselves when made, and go into JSON and back."""

import json
from pathlib import Path

import pytest

from minibert.errors import ConfigError
from minibert.training.settings import GlueSettings


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"max_length": 4}, "max_length must be at least 5, not 4"),
        ({"learning_rate": -0.1}, "learning_rate must be 0 to 1, not -0.1"),
        ({"learning_rate": 5.0}, "learning_rate must be 0 to 1, not 5.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be 0 to 1, not nan"),
        ({"warmup": 1.5}, "warmup must be 0 to 1, not 1.5"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0, not -1.0"),
        ({"accumulation_steps": 17}, "accumulation_steps must be 1 to 16, not 17"),
        ({"clip_norm": -1.0}, "clip_norm must be at least 0, not -1.0"),
        ({"head_learning_rate": 2.0}, "head_learning_rate must be 0 to 1, not 2.0"),
        ({"layer_decay": 1.1}, "layer_decay must be 0 to 1, not 1.1"),
        ({"dropout": 1.5}, "dropout must be 0 to 1, not 1.5"),
        ({"label_smoothing": -0.1}, "label_smoothing must be 0 to 1, not -0.1"),
        ({"class_weights": (1.0, -1.0)}, "class_weights must be at least 0, not -1.0"),
        ({"freeze": 0}, "freeze must be at least 1, not 0"),
        ({"freeze": 1, "unfreeze_at": 1}, "unfreeze_at must be 2 to 3, not 1"),
        ({"freeze": 1, "unfreeze_at": 4}, "unfreeze_at must be 2 to 3, not 4"),
        ({"unfreeze_at": 2}, "unfreeze_at needs something that is frozen until then: --freeze"),
        ({"evaluate_every": 0}, "evaluate_every must be at least 1, not 0"),
        ({"checkpoint_every": 0}, "checkpoint_every must be at least 1, not 0"),
        ({"keep_checkpoints": 0}, "keep_checkpoints must be at least 1, not 0"),
        ({"early_stopping": 0}, "early_stopping must be at least 1, not 0"),
        (
            {"overfit_batch": True, "lr_range_test": True},
            "give either --overfit-batch or --lr-range-test, not both",
        ),
        ({"seed": -1}, "seed must be 0 to 9223372036854775808, not -1"),
        ({"seeds": (1, -1)}, "seeds must be 0 to 9223372036854775808, not -1"),
        ({"seeds": (1, 2, 1)}, "seeds (1, 2, 1) names one twice"),
        ({"train_limit": 0}, "train_limit must be at least 1, not 0"),
        ({"train": Path("a")}, "--train and --dev belong together: give both"),
        ({"dev": Path("a")}, "--train and --dev belong together: give both"),
        (
            {"data": Path("a"), "train": Path("b"), "dev": Path("c")},
            "give either --data, or --train and --dev, not both",
        ),
    ],
    ids=str,
)
def test_settings_that_make_no_sense(changes, complaint):
    with pytest.raises(ConfigError) as error:
        GlueSettings(task="sst-2", **changes)

    assert str(error.value) == complaint


def test_the_defaults_are_berts_recipe():
    settings = GlueSettings(task="sst-2")

    assert (settings.epochs, settings.batch_size, settings.max_length) == (3, 16, 128)
    assert (settings.learning_rate, settings.warmup, settings.weight_decay) == (5e-5, 0.1, 0.01)


def test_settings_survive_json():
    settings = GlueSettings(task="sst-2", data=Path("data") / "glue", seeds=(1, 2))

    content = json.loads(json.dumps(settings.as_json()))

    assert content["data"] == str(Path.cwd() / "data" / "glue")
    assert content["seeds"] == [1, 2]
    assert content["train"] is None
    assert content["learning_rate"] == 5e-5
