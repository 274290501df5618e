"""Named stages: what a recording collects, and that it changes nothing else."""

from dataclasses import replace

import pytest
import torch

from minibert import BertConfig, BertForSequenceClassification
from minibert.trace import STAGES, enter_layer, leave_layers, record, recording, stage

CONFIG = replace(
    BertConfig.tiny(),
    vocab_size=31,
    hidden_size=12,
    num_attention_heads=3,
    intermediate_size=20,
    max_position_embeddings=16,
)
PADDED = {
    "input_ids": torch.tensor([[4, 5, 6, 7, 8], [9, 10, 0, 0, 0]]),
    "attention_mask": torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]),
}
PACKED = {
    "input_ids": torch.tensor([4, 5, 6, 7, 8, 9, 10]),
    "cu_seqlens": torch.tensor([0, 5, 7], dtype=torch.int32),
    "max_seqlen": 5,
}


@pytest.fixture(params=["math", "sdpa"])
def model(request, randomized):
    torch.manual_seed(0)
    model = BertForSequenceClassification(CONFIG, attention=request.param)
    return randomized(model).eval()


# The recorder


def test_a_stage_is_the_very_tensor_in_order_with_its_layers_prefix():
    first, second, third = torch.rand(3).unbind()
    with record() as stages:
        assert stage("before", first) is first
        enter_layer(3)
        assert stage("inside", second) is second
        leave_layers()
        stage("after", third)
    assert list(stages) == ["before", "layers.3.inside", "after"]
    assert stages["layers.3.inside"] is second


def test_nothing_is_kept_outside_a_recording():
    value = torch.rand(1)
    with record() as stages:
        assert recording()
    assert not recording()
    assert stage("late", value) is value
    assert stages == {}


def test_recordings_do_not_nest_and_the_outer_one_goes_on():
    with record() as stages:
        with pytest.raises(RuntimeError, match="does not nest"), record():
            pass
        stage("after", torch.rand(1))
    assert list(stages) == ["after"]


def test_a_stage_recorded_twice_is_an_error(model):
    with record():
        model(**PADDED)
        with pytest.raises(RuntimeError, match=r"embeddings\.token was recorded twice"):
            model(**PADDED)


def test_the_same_stage_in_two_layers_is_none():
    with record() as stages:
        for index in range(2):
            enter_layer(index)
            stage("output", torch.rand(1))
    assert list(stages) == ["layers.0.output", "layers.1.output"]


def test_an_exception_ends_the_recording():
    def fail_inside_a_layer():
        with record():
            enter_layer(1)
            raise KeyError("broken model")

    with pytest.raises(KeyError, match="broken model"):
        fail_inside_a_layer()
    assert not recording()
    with record() as stages:
        stage("fresh", torch.rand(1))
    assert list(stages) == ["fresh"]


def test_a_model_that_failed_unrecorded_leaves_no_prefix_behind():
    enter_layer(1)  # and then it raises
    with record() as stages:
        stage("fresh", torch.rand(1))
    assert list(stages) == ["fresh"]


# The model's stages


def test_every_recorded_name_is_listed(model):
    with record() as stages:
        model(**PADDED)
    assert {name.split(".", 2)[-1] if "layers" in name else name for name in stages} <= set(STAGES)


def test_shapes_are_those_listed(model):
    letters = {"B": 2, "S": 5, "D": 12, "H": 3, "F": 20, "V": 31}
    with record() as stages:
        model(**PADDED)
    checked = 0
    for name, value in stages.items():
        described = STAGES[name.split(".", 2)[-1] if name.startswith("layers") else name]
        if described.startswith("("):
            shape = described[1 : described.index(")")].split(", ")
            assert value.shape == tuple(letters.get(letter) or int(letter) for letter in shape)
            checked += 1
    assert checked == 4 + 2 * 12 + 1


@pytest.mark.parametrize("name", ["embeddings.token", "layers.1.attention.norm", "pooled"])
def test_gradient_with_respect_to_a_stage(model, name):
    """Against a finite difference: the stage is really what the logits are computed from."""
    with record() as stages:
        result = model.double()(**PADDED).logits[0, 0]
    (gradient,) = torch.autograd.grad(result, stages[name])
    nudge = torch.randn(gradient.shape, dtype=torch.float64) * 1e-6

    module = {
        "embeddings.token": model.bert.embeddings.token,
        "layers.1.attention.norm": model.bert.encoder.layers[1].attention_norm,
        "pooled": model.bert.pooler,
    }[name]
    model.reads_every_token = True  # as it is while recording
    hook = module.register_forward_hook(lambda module, given, output: output + nudge)
    moved = model(**PADDED).logits[0, 0] - result
    hook.remove()
    torch.testing.assert_close(moved, (gradient * nudge).sum(), rtol=1e-3, atol=1e-12)


def test_the_output_depends_on_every_stage(model):
    """What is recorded is what later code uses; under sdpa two are computed beside it."""
    with record() as stages:
        result = model(**PADDED).logits.sum()
    gradients = torch.autograd.grad(result, list(stages.values()), allow_unused=True)
    unused = {name for name, gradient in zip(stages, gradients, strict=True) if gradient is None}
    beside = {f"layers.{i}.attention.{name}" for i in range(2) for name in ("scores", "probs")}
    assert unused == (beside if model.bert.attention == "sdpa" else set())


# Under torch.compile


@pytest.mark.parametrize("batch", [PADDED, PACKED], ids=["padded", "packed"])
def test_one_whole_graph_with_and_without_recording(model, batch):
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    expected = model(**batch).logits
    torch.testing.assert_close(compiled(**batch).logits, expected, rtol=0, atol=0)
    with record() as eager:
        model(**batch)
    with record() as stages:
        logits = compiled(**batch).logits
    torch.testing.assert_close(logits, expected, rtol=0, atol=0)
    assert list(stages) == list(eager)
    for name, value in eager.items():
        torch.testing.assert_close(stages[name], value, rtol=0, atol=0)
    torch.testing.assert_close(compiled(**batch).logits, expected, rtol=0, atol=0)


def test_probabilities_asked_for_under_compile_sum_to_one(model):
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    with record() as stages:
        compiled(**PADDED)
    sums = stages["layers.1.attention.probs"].sum(-1)
    torch.testing.assert_close(sums, torch.ones_like(sums))
