"""A learner's functions in the pretrained model: what is told of right, wrong and odd ones."""

import sys
import textwrap

import pytest
from tiny_runs import save_tiny_model, small_data, tiny_settings

from minibert import cli
from minibert.course import swap
from minibert.course.swap import SwapError, score_functions, swapped, try_functions
from minibert.model import functional
from minibert.training.finetune import fine_tune

RIGHT = """
    import math, torch

    def attention_scores(q, k):
        return torch.einsum("bhiw,bhjw->bhij", q, k) / math.sqrt(q.shape[-1])

    def masked_softmax(scores, mask):
        weights = torch.exp(scores - scores.amax(-1, keepdim=True)) * mask
        return weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)

    def scaled_dot_product_attention(query, key, value, mask):
        return masked_softmax(attention_scores(query, key), mask) @ value

    def gelu(x):
        return 0.5 * x * (1 + torch.erf(x / 2**0.5))

    def layer_norm(x, weight, bias, eps):
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.pow(2).mean(-1, keepdim=True) + eps).sqrt() * weight + bias

    def split_heads(x, heads):
        return x.reshape(*x.shape[:2], heads, -1).permute(0, 2, 1, 3)

    def merge_heads(x):
        return x.permute(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)

    def feed_forward(x, inner_weight, inner_bias, outer_weight, outer_bias):
        return gelu(x @ inner_weight.T + inner_bias) @ outer_weight.T + outer_bias

    def dropout(x, p=0.1):
        return x if p == 0 else None

    def cross_entropy(logits, labels, ignore_index=-100, reduction="mean"):
        return torch.nn.functional.cross_entropy(logits, labels, reduction=reduction)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory, randomized):
    return save_tiny_model(tmp_path_factory.mktemp("tiny") / "model", 2, randomized)


@pytest.fixture(scope="module")
def run(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("swap")
    return fine_tune(tiny_settings(source, small_data(folder / "data"), folder / "run"))


@pytest.fixture
def file(tmp_path):
    """A function that writes a learner's file."""

    def write(text):
        path = tmp_path / "my_03.py"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


def verdicts(trial):
    """{function: the stage at which the model parts from ours, or None}"""
    return {
        name: ledger.first and (ledger.first.stage, ledger.first.diverges)
        for name, ledger in trial.ledgers.items()
    }


def test_right_functions_in_another_style_make_no_difference(file, run):
    trial = try_functions(file(RIGHT), run)
    assert trial.equal
    assert not trial.left_out
    assert set(verdicts(trial)) == set(swap.SWAPPABLE) - {"gelu_tanh"}
    layers = 2
    calls = {name: own.calls for name, own in trial.own.items()}
    assert calls["attention_scores"] == layers * 2  # in both precisions
    assert calls["split_heads"] == layers * 3 * 2
    assert calls["cross_entropy"] == 0
    assert "no part of any stage" in str(trial)

    scores = score_functions(trial, run)
    assert scores.theirs == pytest.approx(scores.ours, abs=1e-5)
    assert (scores.examples, scores.answers, scores.changed) == (6, 6, 0)
    assert trial.own["cross_entropy"].calls > 0


@pytest.mark.parametrize(
    ("text", "name", "first"),
    [
        (
            "def masked_softmax(s, m): return s.softmax(-1) * m",
            "masked_softmax",
            ("layers.0.attention.probs", "value"),
        ),
        (
            "def attention_scores(q, k): return q @ k.transpose(-2, -1) / q.shape[-1]",
            "attention_scores",
            ("layers.0.attention.scores", "value"),
        ),
        (
            "def merge_heads(x): return x.reshape(x.shape[0], x.shape[2], -1)",
            "merge_heads",
            ("layers.0.attention.context", "value"),
        ),
        (
            "def gelu(x): return 0.5 * x * (1 + (x.detach() / 2**0.5).erf())",
            "gelu",
            ("layers.1.feed_forward.inner", "gradient"),
        ),
        (
            "def layer_norm(x, w, b, eps):\n"
            "    from torch.nn.functional import layer_norm as right\n"
            "    return right(x.detach(), w.shape, w, b, eps)",
            "layer_norm",
            ("layers.1.feed_forward.output", "gradient"),
        ),
    ],
)
def test_the_first_stage_that_differs_is_named(file, source, text, name, first):
    trial = try_functions(file("import torch\n" + text), source)
    assert verdicts(trial) == {name: first}
    assert not trial.equal
    assert f"differs first in the {first[1]} of {first[0]}" in str(trial)


def test_each_function_is_judged_by_itself(file, source):
    wrong = RIGHT.replace(" * mask\n", "\n")
    found = verdicts(try_functions(file(wrong), source))
    assert {name for name, first in found.items() if first} == {
        "masked_softmax",
        "scaled_dot_product_attention",  # which calls the other
    }


def test_answers_that_change_are_counted(file, run):
    none = "def layer_norm(x, weight, bias, eps): return -x * weight - 3 * bias"
    trial = try_functions(file(none), run)
    scores = score_functions(trial, run)
    assert 0 < scores.changed <= scores.answers == 6
    assert scores.ours["loss"] != pytest.approx(scores.theirs["loss"], abs=1e-3)
    right = 6 * abs(scores.ours["accuracy"] - scores.theirs["accuracy"])
    assert right <= scores.changed + 1e-9
    assert f"{scores.changed} of 6 answers are changed" in str(scores)


def test_what_does_not_fit_is_named_with_the_reason(file, source):
    text = """
        def gelu(x):
            raise NotImplementedError
        def dropout(x, p, keep):
            return x * keep / (1 - p)
        def cross_entropy(logits, labels, ignore_index=-100):
            return logits.sum()
        def split_heads(x, heads):
            return x.unflatten(-1, (heads, -1)).transpose(1, 2)
    """
    trial = try_functions(file(text), source)
    assert list(trial.ledgers) == ["split_heads"]
    assert trial.left_out == {
        "gelu": "not written yet",
        "dropout": "the model does not give it keep: dropout(x, p) would fit",
        "cross_entropy": "the model gives it reduction as well: "
        "cross_entropy(logits, labels, ignore_index, reduction) would fit",
    }
    assert "not swapped  not written yet" in str(trial)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("def swish(x): return x", "could be swapped\nIt could be gelu, "),
        ("from minibert.model.functional import gelu", "could be swapped\nIt"),
        ("def gelu(x): return x\ngelu = max", "could be swapped\nIt"),
        ("def gelu(x): raise NotImplementedError", "could be swapped:\n  gelu: not written yet"),
        ("def gelu(x):\n    return x +", "my_03.py, line 2: invalid syntax\n    return x +"),
        ("x = 1\ny = x / 0", "line 2: ZeroDivisionError: division by zero\n    y = x / 0"),
        ("import sys\nsys.exit(3)", "line 2: SystemExit: 3"),
        (
            "def half(x):\n    return x / nothing\ndef gelu(x):\n    return half(x)",
            "line 2: NameError: name 'nothing' is not defined\n    return x / nothing",
        ),
        ("def gelu(x): pass", "gelu returns NoneType where a tensor belongs"),
        ("def gelu(x): return x.double()", r"20\) float64, where \(4, 24, 20\) float32 belongs"),
        ("def merge_heads(x): return x.flatten(2)", r"\(4, 3, 96\) float32, where \(4, 24, 12\)"),
        ("def gelu(x): return x.clamp_(min=0)", "gelu changes what it is given"),
        ("def gelu(x): return x.exp().add_(1)", "with gelu the model fails: one of the variables"),
    ],
)
def test_what_fails_is_told_with_its_line(file, source, text, complaint):
    ours = vars(functional).copy()
    with pytest.raises(SwapError, match=complaint):
        try_functions(file(text), source)
    assert vars(functional) == ours


def test_a_function_that_the_model_never_calls_is_an_error(file, run):
    trial = try_functions(file("def gelu_tanh(x): return x"), run)
    with pytest.raises(SwapError, match="never called by this model: gelu_tanh"):
        score_functions(trial, run)


def test_the_library_is_restored_whatever_happens():
    ours = vars(functional).copy()
    for failure in (KeyboardInterrupt, ValueError):
        with pytest.raises(failure), swapped({"gelu": abs, "merge_heads": abs}):  # noqa: PT012
            assert functional.gelu is functional.merge_heads is abs
            raise failure
    assert vars(functional) == ours
    with pytest.raises(AttributeError), swapped({"gelu": abs, "no such": abs}):
        pass
    assert vars(functional) == ours


def test_the_demo_run_is_made_once_and_then_taken(monkeypatch, tmp_path, capsys):
    asked = []

    def fake(settings):
        asked.append(settings)
        settings.output.mkdir(parents=True)
        (settings.output / "metrics.json").touch()
        return settings.output

    monkeypatch.setattr(swap, "fine_tune", fake)
    monkeypatch.setattr(swap, "CLONE", tmp_path)
    with pytest.raises(SwapError, match="--run RUN"):
        swap.demo_run()
    (tmp_path / "data" / "glue").mkdir(parents=True)
    assert swap.demo_run() == swap.demo_run() == tmp_path / "runs" / "demo"
    assert len(asked) == 1
    assert "is not there: fine-tuning it once" in capsys.readouterr().out


def test_the_demo_run_is_that_of_make_demo(root, monkeypatch, tmp_path):
    (tmp_path / "data" / "glue").mkdir(parents=True)
    monkeypatch.setattr(swap, "CLONE", tmp_path)
    monkeypatch.setattr(swap, "fine_tune", lambda settings: settings)
    settings = swap.demo_run()
    recipe = (root / "Makefile").read_text(encoding="utf-8").partition("\ndemo:")[2]
    recipe = " ".join(recipe.partition("\n\n")[0].replace("\\\n", " ").split())
    for option in (
        f"--task {settings.task} --data data/glue --model {settings.model}",
        f"--lr 1e-4 --epochs {settings.epochs} --batch-size {settings.batch_size}",
        f"--seeds {settings.seed} 2 3",
        f"--output {swap.DEMO.as_posix()}",
    ):
        assert option in recipe
    assert settings.learning_rate == 1e-4


@pytest.mark.parametrize(("text", "status"), [(RIGHT, None), ("def gelu(x): return x.relu()", 1)])
def test_the_command_and_its_status(file, run, monkeypatch, capsys, text, status):
    command = ["minibert", "swap", str(file(text)), "--run", str(run)]
    monkeypatch.setattr(sys, "argv", command)
    if status is None:
        cli.main()
    else:
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == status
    printed = capsys.readouterr().out
    assert f"my_03.py in {run}: each function by itself" in printed
    assert "reference   my_03.py" in printed


def test_minilm_with_another_style_of_attention(file):
    trial = try_functions(file(RIGHT), "minilm")
    assert trial.equal, str(trial)
    assert trial.own["attention_scores"].calls == 6 * 2
