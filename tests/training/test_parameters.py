"""What is frozen, thawed and drawn afresh: by what happens to the parameters."""

import pytest
import torch
from tiny_runs import SIZES, save_tiny_model

from minibert import BertConfig, BertForSequenceClassification
from minibert.errors import ConfigError
from minibert.training.parameters import depth, freeze, reinitialise
from minibert.training.settings import GlueSettings

LAYERS = SIZES["num_hidden_layers"]
PARTS = ("bert.embeddings.", "bert.encoder.layers.0.", "bert.encoder.layers.1.", "bert.pooler.")


def asked(**changes):
    return GlueSettings(task="sst-2", **changes)


@pytest.fixture
def model(randomized):
    torch.manual_seed(0)
    return randomized(BertForSequenceClassification(BertConfig(vocab_size=31, **SIZES)))


def frozen_parts(model):
    """Which parts have no parameter with gradients; the others must have nothing but such."""
    found = set()
    for part in (*PARTS, "classifier."):
        needs = {p.requires_grad for name, p in model.named_parameters() if name.startswith(part)}
        assert len(needs) == 1, part
        if needs == {False}:
            found.add(part)
    return found


def test_every_parameter_lies_in_one_part_and_has_its_depth(model):
    depths = {name: depth(name, LAYERS) for name, _ in model.named_parameters()}

    for name, found in depths.items():
        place = [name.startswith(part) for part in (*PARTS, "classifier.")].index(True)
        assert found == min(place, LAYERS + 1), name  # pooler and head lie equally high
    assert set(depths.values()) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("wanted", "parts"),
    [(None, 0), ("embeddings", 1), (1, 2), (2, 3), ("body", 4)],
)
def test_what_is_frozen(model, wanted, parts):
    freeze(model, asked(freeze=wanted), epoch=1)

    assert frozen_parts(model) == set(PARTS[:parts])


def test_from_an_epoch_on_all_is_trained(model):
    settings = asked(freeze="body", unfreeze_at=2)
    found = []
    for epoch in (1, 2, 3, 1):  # the last as after a resume: the epoch alone decides
        freeze(model, settings, epoch)
        found.append(len(frozen_parts(model)))

    assert found == [4, 0, 0, 4]


def test_a_pooler_that_the_checkpoint_lacked_is_not_frozen(tmp_path):
    """It would stay noise, between a pretrained body and the head."""
    from safetensors.torch import load_file, save_file

    folder = save_tiny_model(tmp_path / "tiny")
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "pooler" not in name}
    assert len(kept) == len(weights) - 2
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    model = BertForSequenceClassification.from_pretrained(folder)

    freeze(model, asked(freeze="body"), epoch=1)

    assert frozen_parts(model) == set(PARTS[:3])


@pytest.mark.parametrize(("count", "kept"), [(0, 4), (1, 2), (2, 1)])
def test_the_top_layers_and_the_pooler_start_afresh(model, count, kept):
    before = {name: value.detach().clone() for name, value in model.named_parameters()}

    reinitialise(model, asked(reinit_layers=count))

    for name, value in model.named_parameters():
        same = name.startswith((*PARTS[:kept], "classifier."))
        assert torch.equal(value, before[name]) == same, name
        if not same and name.endswith("bias"):
            assert not value.any()
        elif not same and name.endswith("norm.weight"):
            assert (value == 1).all()
        elif not same:
            assert 0.1 < value.std() < 0.25  # initializer_range 0.2, truncated


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"freeze": 3}, "freeze 3 is more than the model's 2 layers"),
        ({"reinit_layers": 3}, "reinit_layers 3 is more than the model's 2 layers"),
        ({"freeze": 1, "reinit_layers": 2}, "freeze 1 and reinit_layers 2 overlap"),
        ({"freeze": "body", "reinit_layers": 1}, "freeze body and reinit_layers 1 overlap"),
    ],
    ids=str,
)
def test_what_the_model_has_no_layers_for(model, changes, complaint):
    with pytest.raises(ConfigError, match=complaint):
        reinitialise(model, asked(**changes))
