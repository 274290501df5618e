"""What must hold whatever the weights: laws, as properties of random batches; and what is refused.

All in float64 on a model so small that hypothesis can afford many batches.
"""

import copy
import math
from dataclasses import replace
from functools import partial
from itertools import accumulate

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from minibert import (
    BertConfig,
    BertForMaskedLM,
    BertForMultipleChoice,
    BertForNextSentencePrediction,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
)
from minibert.errors import ConfigError
from minibert.model import attention, functional, layout
from minibert.model.attention import WAYS, choose
from minibert.trace import STAGES, record

CONFIG = BertConfig(
    vocab_size=31,
    hidden_size=12,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=20,
    max_position_embeddings=8,
)
NO_DROPOUT = replace(CONFIG, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
HEADS = {
    "body": BertModel,
    "body without pooler": partial(BertModel, pooler=False),
    "classification": partial(BertForSequenceClassification, num_labels=3),
    "regression": partial(BertForSequenceClassification, num_labels=1),
    "choice": BertForMultipleChoice,
    "tokens": partial(BertForTokenClassification, num_labels=5),
    "span": BertForQuestionAnswering,
    "masked": BertForMaskedLM,
    "next": BertForNextSentencePrediction,
    "pretraining": BertForPreTraining,
}

law = settings(max_examples=6, deadline=None, derandomize=True)
lengths_of_a_batch = st.lists(st.integers(1, 6), min_size=1, max_size=4)
every_head = pytest.mark.parametrize("head", HEADS)
every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(scope="session")
def build(randomized):
    """build(head, way="math", config=CONFIG): a float64 model, the same each time, evaluating."""

    def build(head: str, way: str = "math", config: BertConfig = CONFIG) -> nn.Module:
        torch.manual_seed(0)
        return randomized(HEADS[head](config, attention=way)).double().eval()

    return build


@pytest.fixture(autouse=True, scope="module")
def many_blocks():
    """Packed sequences of the few tokens that these laws use share no padded rows for that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "LIKE", 2)
        yield


def make_batch(lengths: list[int], padding: int = 0) -> dict[str, Tensor]:
    """A padded batch; its padding holds arbitrary word pieces, which must not matter."""
    generator = torch.Generator().manual_seed(sum(lengths))
    shape = (len(lengths), max(lengths) + padding)
    mask = torch.arange(shape[1]) < torch.tensor(lengths)[:, None]
    return {
        "input_ids": torch.randint(CONFIG.vocab_size, shape, generator=generator),
        "attention_mask": mask.long(),
        "token_type_ids": torch.randint(CONFIG.type_vocab_size, shape, generator=generator),
    }


def pack(batch: dict[str, Tensor], empty: int = 0) -> dict[str, Tensor]:
    """The same sequences end to end, then `empty` sequences without a token."""
    real = batch["attention_mask"].bool()
    ends = [*accumulate(real.sum(1).tolist(), initial=0)]
    return {
        "input_ids": batch["input_ids"][real],
        "token_type_ids": batch["token_type_ids"][real],
        "cu_seqlens": torch.tensor(ends + ends[-1:] * empty, dtype=torch.int32),
    }


def run(model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The outputs by name: (sequences, ...), or (tokens, ...) for the tokens with mask 1 in a row.

    Each sequence is a question of one choice, where it comes to choices.
    """
    extra = {"num_choices": 1} if isinstance(model, BertForMultipleChoice) else {}
    outputs = model(**batch, **extra)._asdict()
    outputs = {name: value for name, value in outputs.items() if value is not None}
    if "attention_mask" in batch:
        real = batch["attention_mask"].bool()
        outputs |= {n: v[real] for n, v in outputs.items() if is_per_token(model, n)}
    return outputs


def is_per_token(model: nn.Module, output: str) -> bool:
    if output == "logits":
        return isinstance(model, BertForTokenClassification | BertForMaskedLM)
    return output in ("last_hidden_state", "start_logits", "end_logits", "prediction_logits")


def gradients(model: nn.Module, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of every parameter, for a sum in which every element of the outputs counts differently."""
    total = torch.zeros((), dtype=torch.float64)
    for value in outputs.values():
        total = total + (value * torch.arange(value.numel()).view_as(value).cos()).sum()
    model.zero_grad()
    total.backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def equal(ours: dict[str, Tensor], others: dict[str, Tensor], atol: float = 1e-10) -> None:
    assert list(ours) == list(others)
    for name, value in ours.items():
        torch.testing.assert_close(
            value, others[name], rtol=0, atol=atol, msg=lambda why, name=name: f"{name}: {why}"
        )


# Padding, order, packing


@every_way
@every_head
@law
@given(lengths=lengths_of_a_batch, padding=st.integers(0, 2))
def test_padding_a_batch_changes_nothing(build, head, way, lengths, padding):
    model = build(head, way)
    batch = make_batch(lengths, padding)
    rows = [
        run(model, {name: ids[row : row + 1, :length] for name, ids in batch.items()})
        for row, length in enumerate(lengths)
    ]
    together = run(model, batch)
    equal(together, {name: torch.cat([row[name] for row in rows]) for name in together})


@every_way
def test_no_mask_is_a_mask_of_ones(build, way):
    model = build("body", way)
    batch = make_batch([5, 5])
    equal(model(**batch)._asdict(), model(**batch | {"attention_mask": None})._asdict(), atol=1e-14)


@every_way
def test_any_pattern_of_mask_hides_just_those_tokens(build, way):
    """Cutting the hidden tokens out, but keeping the others' places, gives the same result."""
    model = build("body", way)
    batch = make_batch([6])
    batch["attention_mask"] = torch.tensor([[0, 1, 1, 0, 0, 1]])
    places = torch.tensor([[1, 2, 5]])
    cut = {name: ids[:, places[0]] for name, ids in batch.items()}
    hidden = run(model, batch)["last_hidden_state"]
    equal(
        {"hidden": hidden},
        {"hidden": run(model, cut | {"position_ids": places})["last_hidden_state"]},
    )


def test_places_and_segments_default_to_the_first(build):
    model = build("body")
    input_ids = make_batch([5, 5])["input_ids"]
    spelt_out = {
        "token_type_ids": torch.zeros(2, 5, dtype=torch.long),
        "position_ids": torch.arange(5).expand(2, 5),
    }
    equal(model(input_ids)._asdict(), model(input_ids, **spelt_out)._asdict(), atol=0)


@every_head
@law
@given(data=st.data(), length=st.integers(1, 6))
def test_permuting_a_batch_permutes_the_output(build, head, data, length):
    model = build(head)
    batch = make_batch([length, 1, length, 2])
    batch["attention_mask"][:] = 1
    order = torch.tensor(data.draw(st.permutations(range(4))))
    whole = {name: value.view(4, -1) for name, value in run(model, batch).items()}
    permuted = run(model, {name: ids[order] for name, ids in batch.items()})
    equal(
        {name: value.view(4, -1) for name, value in permuted.items()},
        {name: value[order] for name, value in whole.items()},
    )


@every_way
@every_head
@law
@given(lengths=lengths_of_a_batch, empty=st.integers(0, 2), slack=st.none() | st.integers(0, 1))
def test_packed_equals_padded(build, head, way, lengths, empty, slack):
    """Outputs and gradients, whether or not max_seqlen is given, or given too large."""
    model = build(head, way)
    batch = make_batch(lengths, padding=1)
    max_seqlen = None if slack is None else max(lengths) + slack
    packed = run(model, pack(batch, empty) | {"max_seqlen": max_seqlen})
    for name, value in packed.items():
        per_token = is_per_token(model, name)
        assert len(value) == (sum(lengths) if per_token else len(lengths) + empty)
        packed[name] = value if per_token else value[: len(lengths)]
    padded = run(model, batch)
    equal(packed, padded)
    equal(gradients(model, packed), gradients(model, padded))


def test_an_empty_sequence_has_a_first_token_of_zeros(build):
    model = build("body")
    pooled = model(**pack(make_batch([3]), empty=2)).pooled_output
    equal({"pooled": pooled[1:]}, {"pooled": model.pooler.dense.bias.tanh().expand(2, -1)})


def test_an_empty_sequence_may_stand_between_others(build):
    model = build("classification")
    packed = pack(make_batch([3, 2]))
    without = model(**packed).logits
    packed["cu_seqlens"] = torch.tensor([0, 0, 3, 3, 5], dtype=torch.int32)
    equal({"logits": model(**packed).logits[[1, 3]]}, {"logits": without})


def test_consecutive_sequences_are_one_questions_choices(build):
    model = build("choice")
    batch = make_batch([5, 2, 3, 1, 4, 6])
    single = model(**batch, num_choices=1).logits
    equal({"logits": model(**batch, num_choices=3).logits}, {"logits": single.view(2, 3)}, atol=0)
    assert model(**pack(batch), num_choices=2).logits.shape == (3, 2)


@every_way
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("head", ["classification", "choice", "next"])
def test_the_last_layer_computes_first_tokens_only_where_no_other_is_read(
    build, head, packed, checkpointing, way
):
    model = build(head, way, NO_DROPOUT).train()
    model.bert.encoder.checkpointing = checkpointing
    batch = make_batch([5, 2, 4])
    batch = pack(batch) if packed else batch
    rows = []
    for layer in model.bert.encoder.layers:
        layer.feed_forward.register_forward_hook(
            lambda module, given, found: rows.append(given[0].shape[:-1].numel())
        )
    outputs = run(model, batch)
    assert rows == [batch["input_ids"].numel(), 3]
    found = gradients(model, outputs)
    model.reads_every_token = True
    every = run(model, batch)
    assert rows[-1] == batch["input_ids"].numel()
    equal(outputs, every)
    equal(found, gradients(model, every))


# Attention and dropout


@every_way
@law
@given(lengths=lengths_of_a_batch)
def test_rows_of_probabilities_sum_to_one_over_real_keys(build, way, lengths):
    batch = make_batch(lengths, padding=1)
    with record() as stages:
        build("body", way)(**batch)
    for index in range(CONFIG.num_hidden_layers):
        probs = stages[f"layers.{index}.attention.probs"]
        equal({"sums": probs.sum(-1)}, {"sums": torch.ones_like(probs[..., 0])})
        padding = batch["attention_mask"][:, None, None, :].expand_as(probs) == 0
        assert not probs[padding].any()


@every_head
@law
@given(lengths=lengths_of_a_batch)
def test_math_equals_sdpa(build, head, lengths):
    batch = make_batch(lengths, padding=1)
    models = [build(head, way) for way in WAYS]
    first, *others = [run(model, batch) for model in models]
    for model, outputs in zip(models[1:], others, strict=True):
        equal(outputs, first)
        equal(gradients(model, outputs), gradients(models[0], first))


@every_way
@every_head
def test_training_without_dropout_is_evaluation(build, head, way):
    model = build(head, way, NO_DROPOUT)
    batch = make_batch([5, 2])
    evaluated = run(model.eval(), batch)
    equal(run(model.train(), batch), evaluated, atol=0)


@pytest.mark.parametrize(
    "only", ["hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"]
)
@pytest.mark.parametrize("masked", [True, False])
@every_way
def test_dropout_acts_in_training_alone(build, way, only, masked):
    silent = replace(NO_DROPOUT, classifier_dropout=0.0)
    model = build("classification", way, replace(silent, **{only: 0.5}))
    batch = make_batch([5, 2])
    if not masked:
        del batch["attention_mask"]
    evaluated = run(model, batch)
    equal(evaluated, run(build("classification", way, silent), batch), atol=0)
    first, second = run(model.train(), batch), run(model, batch)
    assert not torch.equal(first["logits"], second["logits"])
    equal(run(model.eval(), batch), evaluated, atol=0)


@pytest.mark.parametrize(
    ("wanted", "device", "training", "way"),
    [
        ("auto", "cpu", False, "sdpa"),
        ("auto", "cpu", True, "math"),
        ("auto", "mps", True, "sdpa"),
        ("math", "cuda", False, "math"),
        ("sdpa", "cpu", True, "sdpa"),
    ],
)
def test_auto_chooses_and_says_why(wanted, device, training, way):
    choice = choose(wanted, torch.device(device), training, torch.bfloat16, 64)
    assert choice.way == way
    assert choice.reason
    assert (choice.reason == "as asked") == (wanted != "auto")


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("hindrance", "dtype", "way", "reason"),
    [
        (None, torch.bfloat16, "fused", "skips padding"),
        (None, torch.float16, "fused", "skips padding"),
        (None, torch.float32, "sdpa", "do not multiply float32"),
        ("it is too hot", torch.bfloat16, "sdpa", "it is too hot"),
    ],
)
def test_on_a_gpu_auto_takes_the_kernels_where_they_pay(
    monkeypatch, training, hindrance, dtype, way, reason
):
    monkeypatch.setattr(attention, "why_not", lambda device, dtype, width: hindrance)
    choice = choose("auto", torch.device("cuda"), training, dtype, 64)
    assert choice.way == way
    assert reason in choice.reason
    if hindrance is None:
        assert choose("fused", torch.device("cuda"), training, dtype, 64).way == "fused"


def test_fused_says_why_it_cannot_run_and_what_auto_would_take(build):
    model = build("body", "fused")  # loading is no matter: it may yet move to a GPU
    with pytest.raises(
        ConfigError, match=r"'fused' cannot run here: .* 'auto' would take sdpa \(torch's kernels"
    ):
        model(torch.ones(1, 3, dtype=torch.long))
    with pytest.raises(ConfigError, match=r"numbers wide, not 4\. .* would take math"):
        choose("fused", torch.device("cpu"), True, torch.float32, 4)


def test_the_choice_looks_at_autocast(build, monkeypatch):
    """Under it, a float32 model attends in the low precision."""
    seen = []
    monkeypatch.setattr(attention, "why_not", lambda *given: seen.append(given))
    model, cpu = build("body", "auto").float(), torch.device("cpu")
    model.attention_choice(cpu)
    with torch.autocast("cpu", torch.bfloat16):
        model.attention_choice(cpu)
    assert seen == [(cpu, torch.float32, 4), (cpu, torch.bfloat16, 4)]


def test_auto_follows_the_mode(build):
    model, cpu = build("body", "auto"), torch.device("cpu")
    assert model.train().attention_choice(cpu).way == "math"
    assert model.eval().attention_choice(cpu).way == "sdpa"


def test_packed_sequences_of_like_length_share_padded_rows():
    """Lengths 1 and 2 are alike here, so are 5 and 6; an empty sequence is in no block."""
    found = layout.by_length(torch.tensor([5, 2, 0, 6, 1, 3]), 6)
    assert [(block.sequences.tolist(), block.length) for block in found] == [
        ([1, 4], 2), ([5], 3), ([0, 3], 6)
    ]  # fmt: skip


def test_torchs_kernels_never_meet_a_row_without_a_key(build, monkeypatch):
    """What they make of it differs by kernel and release: zeros, a mean, NaN."""
    kernel, masks = attention.torch_functional.scaled_dot_product_attention, []

    def watched(query, key, value, mask, dropout_p):
        masks.append(mask)
        return kernel(query, key, value, mask, dropout_p)

    monkeypatch.setattr(attention.torch_functional, "scaled_dot_product_attention", watched)
    batch = make_batch([5, 2])
    batch["attention_mask"][1] = 0
    run(build("body", "sdpa"), batch)
    assert len(masks) == CONFIG.num_hidden_layers
    assert all(mask.any(-1).all() for mask in masks)


# Recording


@every_way
@every_head
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
def test_recording_changes_no_bit(build, head, way, packed):
    """Nor does it draw a random number: with dropout, the same seed gives the same output.

    A head that reads first tokens alone has the last layer computed for all tokens; the same as
    for a model that always does.
    """
    model = build(head, way).train()
    model.reads_every_token = True
    batch = make_batch([5, 2, 4])
    batch = pack(batch) if packed else batch
    torch.manual_seed(1)
    silent = run(model, batch)
    torch.manual_seed(1)
    with record():
        recorded = run(model, batch)
    equal(recorded, silent, atol=0)


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
def test_sdpa_records_the_scores_and_probabilities_of_math(build, packed, mode):
    """In training they are without dropout."""
    batch = make_batch([5, 2, 4])
    batch = pack(batch) if packed else batch
    recorded = {}
    for way in WAYS:
        model = build("body", way, replace(NO_DROPOUT, attention_probs_dropout_prob=0.5))
        getattr(model, mode)()
        with record() as stages:
            model(**batch)
        recorded[way] = {name: stages["layers.0.attention." + name] for name in ("scores", "probs")}
    equal(recorded["sdpa"], recorded["math"])
    sums = recorded["sdpa"]["probs"].sum(-1)
    equal({"sums": sums}, {"sums": torch.ones_like(sums)})


@every_way
@every_head
def test_stages_come_in_the_order_in_which_they_are_listed(build, head, way):
    names = list(STAGES)
    start, end = names.index("attention.query"), names.index("output") + 1
    layers = [f"layers.{i}.{name}" for i in range(2) for name in names[start:end]]
    heads = {
        "body": ["pooled"],
        "body without pooler": [],
        "tokens": ["logits"],
        "span": ["start_logits", "end_logits"],
        "masked": ["mlm.transform", "logits"],
        "pretraining": ["pooled", "mlm.transform", "prediction_logits", "seq_relationship_logits"],
    }.get(head, ["pooled", "logits"])
    for batch in (make_batch([5, 2]), pack(make_batch([5, 2]))):
        with record() as stages:
            run(build(head, way), batch)
        assert list(stages) == names[:start] + layers + heads
    assert [name for name in names if name in heads] == heads


# Weights


def is_tied(model: nn.Module) -> bool:
    """Whether the decoder's matrix is the token embedding, now and with a bias of its own."""
    batch = make_batch([5, 2])
    with record() as stages:
        model(**batch)
    logits = stages.get("logits", stages.get("prediction_logits"))
    matrix = model.bert.embeddings.token.weight
    expected = stages["mlm.transform"] @ matrix.T + model.mlm.bias
    tables = [parameter for parameter in model.parameters() if parameter.shape == matrix.shape]
    return torch.allclose(logits, expected, rtol=0, atol=1e-5) and len(tables) == 1


@pytest.mark.parametrize("head", ["masked", "pretraining"])
def test_weight_tying_survives(build, head, tmp_path):
    model = build(head)
    assert is_tied(model)
    assert is_tied(model.to(torch.float32))
    assert is_tied(copy.deepcopy(model))
    model.save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path)
    assert is_tied(loaded)

    before = loaded.bert.embeddings.token.weight.detach().clone()
    optimizer = torch.optim.SGD(loaded.parameters(), lr=0.1)
    sum(output.square().sum() for output in loaded(**make_batch([5, 2]))).backward()
    optimizer.step()
    assert is_tied(loaded)
    changed = (loaded.bert.embeddings.token.weight != before).any(1)
    assert changed.all(), "the decoder sends a gradient to every word piece"


def test_a_copy_is_tied_to_its_own_embedding(build):
    model = build("masked")
    other = copy.deepcopy(model)
    before = model(**make_batch([5])).logits
    with torch.no_grad():
        other.bert.embeddings.token.weight.zero_()
    equal({"logits": model(**make_batch([5])).logits}, {"logits": before}, atol=0)
    assert is_tied(other)


def test_padding_gets_no_gradient_from_the_embedding(build):
    model = build("body", config=replace(CONFIG, pad_token_id=3))
    batch = make_batch([6])
    batch["input_ids"][:] = torch.tensor([3, 4, 3, 5, 6, 7])
    gradient = gradients(model, run(model, batch))["embeddings.token.weight"]
    assert gradient.any(1).nonzero().flatten().tolist() == [4, 5, 6, 7]


def test_fresh_weights_follow_a_truncated_normal():
    """Cut at two standard deviations, a normal distribution keeps 0.8796 of its own."""
    torch.manual_seed(0)
    deviation = 0.05
    config = replace(BertConfig.tiny(), vocab_size=500, initializer_range=deviation)
    for model in (BertForPreTraining(config), BertForQuestionAnswering(config)):
        drawn = 0
        for name, weight in model.named_parameters():
            if name.endswith("bias"):
                assert not weight.any(), name
            elif name.endswith("norm.weight"):
                assert (weight == 1).all(), name
            else:
                drawn += 1
                assert weight.abs().max() <= 2 * deviation, name
                error = 4 * deviation / math.sqrt(weight.numel())
                assert abs(weight.std() - 0.8796 * deviation) < error, name
                assert abs(weight.mean()) < error, name
        assert drawn == (3 + 2 * 6) + (3 if isinstance(model, BertForPreTraining) else 1)


@every_head
def test_the_seed_decides_the_fresh_weights(head):
    def draw(seed: int) -> dict[str, Tensor]:
        torch.manual_seed(seed)
        return HEADS[head](CONFIG).state_dict()

    first = draw(1)
    equal(draw(1), first, atol=0)
    other = draw(2)
    drawn = [name for name, value in first.items() if len(value.unique()) > 1]
    assert len(drawn) >= 3 + 2 * 6
    assert not any(torch.equal(first[name], other[name]) for name in drawn)


# What is refused


def ids(*shape: int) -> Tensor:
    return torch.ones(shape, dtype=torch.long)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"input_ids": ids(2, 5), "max_seqlen": 5}, "max_seqlen belongs to packed .* cu_seqlens"),
        ({"input_ids": ids(5)}, r"\(batch, sequence\), or packed .* cu_seqlens; this is \(5,\)"),
        ({"input_ids": ids(1, 2, 5)}, r"this is \(1, 2, 5\)"),
        (
            {"input_ids": ids(2, 5), "attention_mask": ids(2, 4)},
            r"attention_mask \(2, 4\) must have the shape of input_ids, \(2, 5\)",
        ),
        (
            {"input_ids": ids(2, 5), "attention_mask": ids(2, 1, 1, 5)},
            r"attention_mask \(2, 1, 1, 5\) must have the shape",
        ),
        ({"input_ids": ids(2, 9)}, "9 tokens is longer than the model's 8 positions; truncate it"),
        (
            {"input_ids": ids(2, 5), "token_type_ids": ids(5)},
            r"token_type_ids \(5,\) must have input_ids' shape, \(2, 5\)",
        ),
        (
            {"input_ids": ids(2, 5), "position_ids": ids(1, 5)},
            r"position_ids \(1, 5\) must have input_ids' shape, \(2, 5\)",
        ),
        ({"input_ids": 31 * ids(2, 5)}, "input_ids holds 31, but its table has rows 0 to 30; do"),
        ({"input_ids": -1 * ids(2, 5)}, "input_ids holds -1, but its table has rows 0 to 30; do"),
        (
            {"input_ids": ids(2, 5), "token_type_ids": 2 * ids(2, 5)},
            "token_type_ids holds 2, but its table has rows 0 to 1",
        ),
        (
            {"input_ids": ids(2, 5), "position_ids": 8 * ids(2, 5)},
            "position_ids holds 8, but its table has rows 0 to 7",
        ),
        ({"input_ids": ids(2, 5), "num_choices": 2}, "for BertForMultipleChoice, not BertForTok"),
    ],
)
def test_padded_input_that_does_not_fit(given, message):
    with pytest.raises(ConfigError, match=message):
        BertForTokenClassification(CONFIG)(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cu_seqlens": [0, 5], "attention_mask": ids(5)}, "either attention_mask .* not both"),
        ({"cu_seqlens": [0, 5], "input_ids": ids(1, 5)}, r"packed \(tokens,\), not \(1, 5\)"),
        ({"cu_seqlens": [[0, 5]]}, r"whole numbers, \(sequences \+ 1,\): 0, then each end"),
        ({"cu_seqlens": [0]}, r"whole numbers, \(sequences \+ 1,\)"),
        ({"cu_seqlens": [0.0, 5.0]}, "must hold whole numbers"),
        ({"cu_seqlens": [0, 0], "input_ids": ids(0)}, "input_ids holds no token at all"),
        ({"cu_seqlens": [1, 5]}, r"rise from 0 to the 5 tokens of input_ids, not \[1, 5\]"),
        ({"cu_seqlens": [0, 4]}, r"to the 5 tokens of input_ids, not \[0, 4\]"),
        ({"cu_seqlens": [0, 6]}, r"to the 5 tokens of input_ids, not \[0, 6\]"),
        ({"cu_seqlens": [0, 4, 3, 5]}, r"must rise .* not \[0, 4, 3, 5\]"),
        ({"cu_seqlens": [0, 1, 5], "max_seqlen": 3}, "max_seqlen 3 is below the longest .*, 4"),
        ({"cu_seqlens": [0, 9], "input_ids": ids(9)}, "a sequence of 9 .* the model's 8 positions"),
        ({"cu_seqlens": [0, 5], "max_seqlen": 9}, "a sequence of 9 .* the model's 8 positions"),
        ({"cu_seqlens": [0, 5], "token_type_ids": ids(1, 5)}, r"token_type_ids \(1, 5\) must"),
    ],
)
def test_packed_input_that_does_not_fit(given, message):
    cu_seqlens = torch.tensor(given["cu_seqlens"])
    with pytest.raises(ConfigError, match=message):
        BertModel(CONFIG)(**{"input_ids": ids(5)} | given | {"cu_seqlens": cu_seqlens})


@pytest.mark.parametrize(("longest", "packed"), [(8, False), (8, True)])
def test_as_many_tokens_as_positions_fit(longest, packed):
    batch = make_batch([longest, 1])
    BertModel(CONFIG)(**pack(batch) if packed else batch)


def test_choices_that_do_not_fit():
    model = BertForMultipleChoice(CONFIG)
    with pytest.raises(ConfigError, match="needs num_choices, the sequences of one question"):
        model(ids(4, 5))
    for num_choices in (3, 0, -2):
        with pytest.raises(ConfigError, match=f"4 sequences cannot be .* of {num_choices} each"):
            model(ids(4, 5), num_choices=num_choices)


@pytest.mark.parametrize("num_labels", [0, -1])
@pytest.mark.parametrize("head", [BertForSequenceClassification, BertForTokenClassification])
def test_a_classifier_needs_a_label(head, num_labels):
    with pytest.raises(ConfigError, match=f"num_labels must be at least 1, not {num_labels}"):
        head(CONFIG, num_labels=num_labels)


@every_head
def test_an_unknown_attention_names_the_known_ones(head):
    with pytest.raises(ConfigError, match="'flash' is unknown; choose auto, math, sdpa, fused"):
        HEADS[head](CONFIG, attention="flash")


def test_low_precision_does_not_round_the_scores():
    """Scores near 50 that differ by 1, as trained models have them: bfloat16 has steps of 0.25."""
    torch.manual_seed(0)
    query = torch.full((2, 3, 5, 4), 10.0).bfloat16()
    key = (2.5 + 0.05 * torch.randn(2, 3, 5, 4)).bfloat16()
    value = torch.randn(2, 3, 5, 4).bfloat16()
    exact = functional.scaled_dot_product_attention(query.double(), key.double(), value.double())
    largest = exact.abs().max()
    for autocast in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            found = attention.math_attention(query, key, value, None, 0.0)
            naive = functional.scaled_dot_product_attention(query, key, value)
        assert found.dtype == torch.bfloat16
        assert (found - exact).abs().max() <= 2**-8 * largest  # rounded once, at the end
        assert (naive - exact).abs().max() > 2**-7 * largest
