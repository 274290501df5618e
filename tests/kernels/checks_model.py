"""The whole model with `attention="fused"`, held against "math". `test_kernels.py` runs this file.

In float64 where Triton is interpreted; on a GPU in bfloat16, and for longer.
"""

from contextlib import nullcontext

import pytest
import torch
from ragged import DEVICE

from minibert import BertConfig, BertForSequenceClassification
from minibert.errors import ConfigError
from minibert.kernels import keep_mask
from minibert.kernels.random import draw_seed
from minibert.model import functional, layout
from minibert.model.attention import choose
from minibert.model.layers import Dropout
from minibert.trace import record

GPU = DEVICE.type == "cuda"
CONFIG = BertConfig(
    vocab_size=31,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=20,
    max_position_embeddings=192,
    hidden_dropout_prob=0.1,
    attention_probs_dropout_prob=0.1,
)
LENGTHS = torch.tensor([160, 47] if GPU else [18, 7])
LONGEST = int(LENGTHS.max())


@pytest.fixture(scope="session")
def pair(randomized):
    """pair(): the same weights under "fused" and under "math", evaluating."""

    def pair():
        models = []
        for way in ("fused", "math"):
            torch.manual_seed(0)
            model = BertForSequenceClassification(CONFIG, attention=way)
            models.append(randomized(model).to(DEVICE, torch.float64).eval())
        if GPU:
            models = [model.float() for model in models]
        return models

    return pair


def precision():
    return torch.autocast("cuda", torch.bfloat16) if GPU else nullcontext()


def close(found, expected, factor=1.0):
    """To 1e-10 in float64; on a GPU to a few steps of bfloat16."""
    found, expected = found.detach(), expected.detach()
    largest = max(1.0, float(expected.abs().max()))
    bound = factor * (0.05 if GPU else 1e-10) * largest
    torch.testing.assert_close(found.double(), expected.double(), rtol=0, atol=bound)


def first(lengths):
    """A mask that shows so many tokens of each sequence."""
    return torch.arange(LONGEST + 4) < torch.as_tensor(lengths)[:, None]


def padded(mask=None):
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(1, 31, (len(LENGTHS), LONGEST + 4), generator=generator)
    mask = first(LENGTHS) if mask is None else mask
    return {"input_ids": ids.to(DEVICE), "attention_mask": mask.long().to(DEVICE)}


def packed(max_seqlen=LONGEST):
    """The tokens of `padded`, with an empty sequence behind."""
    batch = padded()
    ends = torch.tensor([0, *LENGTHS.cumsum(0), LENGTHS.sum()], dtype=torch.int32, device=DEVICE)
    ids = batch["input_ids"][batch["attention_mask"].bool()]
    return {"input_ids": ids, "cu_seqlens": ends, "max_seqlen": max_seqlen}


BATCHES = {
    "padded": padded,
    "no mask": lambda: {"input_ids": padded()["input_ids"]},
    "packed": packed,
    "packed, longest unknown": lambda: packed(None),
    "holes": lambda: padded(torch.arange(2 * (LONGEST + 4)).view(2, -1).sin() < 0.3),
    "padding before": lambda: padded(first(LENGTHS).flip(1)),
    "a row of padding": lambda: padded(first([16, 0])),
}
every_batch = pytest.mark.parametrize("batch", BATCHES)


@every_batch
def test_it_is_the_same_model(pair, batch):
    """Hidden states where the mask is 1, logits where [CLS] is too, and all gradients of those."""
    inputs, found = BATCHES[batch](), []
    mask = inputs.get("attention_mask", torch.ones_like(inputs["input_ids"])).bool()
    for model in pair():
        with precision():
            body = model.bert(**inputs)
            hidden = body.last_hidden_state[mask]
            logits = model.head(body).logits
        if mask.dim() == 2:
            logits = logits * mask[:, :1]
        (hidden.square().mean() + logits.square().sum()).backward()
        gradients = {name: value.grad for name, value in model.named_parameters()}
        found.append((hidden, logits, gradients))
    (hidden, logits, gradients), (right, right_logits, right_gradients) = found
    close(hidden, right)
    close(logits, right_logits)
    for name, gradient in gradients.items():
        close(gradient, right_gradients[name], factor=4)


@pytest.mark.parametrize("batch", ["padded", "packed", "holes"])
def test_recording_shows_what_math_computes_and_changes_no_bit(pair, batch):
    inputs = BATCHES[batch]()
    fused, math = (model.train() for model in pair())
    outputs = []
    for context in (nullcontext({}), record()):
        torch.manual_seed(1)
        with precision(), context as stages:
            outputs.append(fused.bert(**inputs).last_hidden_state)
    assert torch.equal(*outputs)
    with record() as expected:
        math.bert(**inputs)
    assert list(stages) == list(expected)
    for name in ("scores", "probs"):
        first = f"layers.0.attention.{name}"
        assert stages[first].shape == expected[first].shape
    probs = stages["layers.0.attention.probs"].sum(-1)
    assert float(((probs - 1).abs() * (probs > 0)).max().detach()) < 0.02


def test_probabilities_are_those_of_math(pair):
    shown = []
    for model in pair():
        with record() as stages:
            model(**padded())
        shown.append([stages[f"layers.0.attention.{name}"] for name in ("scores", "probs")])
    for found, expected in zip(*shown, strict=True):
        close(found, expected)


def test_a_row_of_padding_comes_to_nothing(pair):
    """Its context is 0 in every layer, and no gradient becomes NaN through it."""
    fused, _ = pair()
    with precision(), record() as stages:
        logits = fused(**BATCHES["a row of padding"]()).logits
    for layer in range(2):
        assert not stages[f"layers.{layer}.attention.context"][1].any()
    logits.sum().backward()
    assert all(torch.isfinite(value.grad).all() for value in fused.parameters())


def test_padding_behind_is_skipped(pair):
    """It costs nothing, and so has no context, where "math" gives it one that means nothing."""
    batch = padded()
    padding = batch["attention_mask"] == 0
    for model, skips in zip(pair(), (True, False), strict=True):
        with precision(), record() as stages:
            model(**batch)
        assert bool((stages["layers.0.attention.context"][padding] == 0).all()) == skips


def trained(model, batch, steps, dropout):
    """Losses of some steps; `dropout` in training mode, else none."""
    model.train(dropout)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    torch.manual_seed(5)
    losses = []
    for _ in range(steps):
        with precision():
            logits = model(**batch).logits
        labels = torch.arange(len(logits), device=DEVICE) % 2
        loss = functional.cross_entropy(logits.float() if GPU else logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses)


@pytest.fixture
def math_with_the_kernels_dropout(monkeypatch):
    """In the formula's place the formula with the mask that the kernels would have."""
    formula = functional.scaled_dot_product_attention

    def with_mask(query, key, value, mask=None, dropout_p=0.0):
        batch, heads, length, _ = query.shape
        keep = None
        if dropout_p:
            keep = keep_mask(draw_seed(query.device), batch, heads, length, dropout_p)
        return formula(query, key, value, mask, dropout_p, keep)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", with_mask)
    monkeypatch.setattr(layout, "by_length", layout.one_block)  # as the mask has them


@pytest.mark.parametrize("batch", ["padded", "packed"])
@pytest.mark.parametrize("dropout", [False, True], ids=["no dropout", "dropout"])
def test_training_is_the_same(pair, math_with_the_kernels_dropout, dropout, batch):
    """Step by step: all other dropouts draw the same numbers, for both take one seed a layer."""
    steps = 50 if GPU else 2
    fused, math = (trained(model, BATCHES[batch](), steps, dropout) for model in pair())
    close(fused, math)


def test_checkpointing_draws_the_same_dropout(pair):
    results = []
    for checkpointing in (False, True):
        fused, _ = pair()
        fused.bert.encoder.checkpointing = checkpointing
        torch.manual_seed(1)
        with precision():
            fused.train()(**packed()).logits.sum().backward()
        results.append([value.grad for value in fused.parameters()])
    for found, expected in zip(*results, strict=True):
        close(found, expected)


@pytest.mark.parametrize("batch", ["padded", "packed"])
def test_one_whole_graph(pair, batch):
    """Captured in one piece, with the kernels' dropout; others draw otherwise when compiled.

    `checks_attention` compiles the backward pass too.
    """
    torch.compiler.reset()
    inputs, logits = BATCHES[batch](), []
    fused, _ = pair()
    for module in fused.modules():
        if isinstance(module, Dropout):
            module.p = 0.0
    for model in (fused.train(), torch.compile(fused, fullgraph=True, backend="eager")):
        torch.manual_seed(1)
        with precision():
            logits.append(model(**inputs).logits)
    close(*logits)


def test_what_cannot_run_says_so(pair):
    """bfloat16 in the interpreter, float64 on a GPU."""
    fused, _ = pair()
    with pytest.raises(
        ConfigError, match=r"'fused' cannot run here: .*'auto' would take (sdpa|mat)"
    ):
        fused.to(torch.float64 if GPU else torch.bfloat16)(**packed())


@pytest.mark.skipif(not GPU, reason="only a GPU can show it")
def test_auto_takes_it_on_a_gpu():
    for training in (True, False):
        assert choose("auto", DEVICE, training, torch.bfloat16, 64).way == "fused"
        assert choose("auto", DEVICE, training, torch.float32, 64).way == "sdpa"
