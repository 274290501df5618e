"""What counts as right in the course is what the library and other people's code compute.

Many references are the library's own functions; these tests hold the others to something.
"""

import math
import random

import numpy as np
import pytest
import torch
from seqeval.metrics import f1_score
from seqeval.metrics.sequence_labeling import get_entities
from torch import nn

from minibert import BertConfig, BertForPreTraining, BertTokenizer
from minibert.course.exercises import exercises_of
from minibert.kernels import random as philox
from minibert.tasks import signs
from minibert.tasks.ner.reading import Sentence
from minibert.tasks.ner.schemes import TagSet
from minibert.tasks.ner.windows import TaggedWindows
from minibert.tasks.squad.reading import Question
from minibert.tasks.squad.spans import best_spans
from minibert.tasks.squad.windows import Windows
from minibert.training.schedule import rate_factor
from minibert.training.settings import Settings

REFERENCES = {
    exercise.name: exercise.reference
    for number in range(6, 13)
    for exercise in exercises_of(number)
}
TINY = {
    "vocab_size": 31,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 9,
    "type_vocab_size": 2,
}


@pytest.fixture(scope="module")
def tokenizer():
    return BertTokenizer.from_pretrained("minilm")


@pytest.fixture
def model(randomized):
    return randomized(BertForPreTraining(BertConfig(**TINY))).double().eval()


def test_parameters_are_those_of_the_released_models():
    sizes = {name: getattr(BertConfig.base(), name) for name in TINY}
    assert REFERENCES["count_parameters"](sizes) == 110_106_428


def test_the_heads_and_the_pooler_are_the_models(model):
    ids = torch.randint(31, (2, 5), generator=torch.Generator().manual_seed(0))
    body, out = model.bert(ids), model(ids)
    dense = model.bert.pooler.dense
    pooled = REFERENCES["pooler"](body.last_hidden_state, dense.weight, dense.bias)
    table = model.bert.embeddings.token.weight
    weights = dict(model.mlm.named_parameters())
    logits = REFERENCES["masked_lm_logits"](body.last_hidden_state, weights, table)
    torch.testing.assert_close(pooled, body.pooled_output)
    torch.testing.assert_close(logits, out.prediction_logits)


def test_the_loss_of_pretraining_is_that_of_transformers(model):
    transformers = pytest.importorskip("transformers")
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(31, (3, 5), generator=generator)
    labels = ids.where(torch.rand(3, 5, generator=generator) < 0.4, -100)
    is_next = torch.tensor([True, False, False])
    theirs = transformers.BertForPreTraining(transformers.BertConfig(**TINY)).double().eval()
    out = theirs(ids, labels=labels, next_sentence_label=(~is_next).long())
    loss = REFERENCES["pretraining_loss"](
        out.prediction_logits, labels, out.seq_relationship_logits, is_next
    )
    torch.testing.assert_close(loss, out.loss)


@pytest.mark.parametrize(("total", "warmup"), [(50, 5), (40, 0), (8, 4)])
def test_the_rate_is_the_schedule_of_training(total, warmup):
    settings = Settings(warmup=warmup / total)
    for step in range(total + 1):
        factor = rate_factor(step, total, settings)
        assert REFERENCES["rate"](step, total, warmup, 3e-5) == pytest.approx(3e-5 * factor)


def test_what_decays_is_neither_bias_nor_of_a_layer_norm(model):
    spared = {
        f"{name}.{part}"
        for name, module in model.named_modules()
        for part, _ in module.named_parameters(recurse=False)
        if part == "bias" or "Norm" in type(module).__name__
    }
    for name, _ in model.named_parameters():
        assert REFERENCES["decays"](name) == (name not in spared)


@pytest.mark.parametrize("max_norm", [0.1, 3.0, 100.0])
def test_clipping_is_torchs(max_norm):
    parameters = [nn.Parameter(torch.zeros(shape).double()) for shape in ((3, 4), (5,))]
    for seed, parameter in enumerate(parameters):
        generator = torch.Generator().manual_seed(seed)
        parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    ours = REFERENCES["clip"]([parameter.grad.clone() for parameter in parameters], max_norm)
    nn.utils.clip_grad_norm_(parameters, max_norm)
    for one, parameter in zip(ours, parameters, strict=True):
        torch.testing.assert_close(one, parameter.grad, rtol=0, atol=1e-5)


def test_many_steps_of_adamw_are_torchs():
    generator = torch.Generator().manual_seed(0)
    theirs = nn.Parameter(torch.randn(7, generator=generator, dtype=torch.float64))
    optimizer = torch.optim.AdamW([theirs], lr=0.01, weight_decay=0.1)
    state = theirs.detach().clone(), torch.zeros(7).double(), torch.zeros(7).double()
    for step in range(1, 21):
        theirs.grad = torch.randn(7, generator=generator, dtype=torch.float64)
        ours, first, second = state
        state = REFERENCES["adamw_step"](ours, theirs.grad, first, second, step, 0.01, 0.1)
        optimizer.step()
    torch.testing.assert_close(state[0], theirs.detach(), rtol=0, atol=1e-12)


def test_the_loop_is_torchs_with_autograd():
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(3, 1, bias=False).double()
    start = layer.weight.detach()[0].clone()
    batches = [
        (torch.randn(size, 3, generator=generator).double(), torch.ones(size).double())
        for size in (4, 2, 5)
    ]
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for inputs, targets in batches:
        optimizer.zero_grad()
        nn.functional.mse_loss(layer(inputs)[:, 0], targets).backward()
        optimizer.step()
    torch.testing.assert_close(REFERENCES["train"](start, batches, 0.1), layer.weight.detach()[0])


@pytest.mark.parametrize(("first", "second"), [("a red cat", "two dogs bark"), ("one text", None)])
def test_segments_are_the_tokenizers(tokenizer, first, second):
    lengths = [len(tokenizer.encode(text).ids) - 2 if text else 0 for text in (first, second)]
    assert REFERENCES["segment_ids"](*lengths) == tokenizer.encode(first, second).type_ids


def test_the_best_span_is_the_one_that_answers_are_cut_by(tokenizer):
    context = "two old men sat on a red bench by the river and saw the sun go down"
    windows = Windows([Question("1", "who sat there", context, (), known=False)], tokenizer)
    context_from = int(np.argmax(windows.char_starts >= 0))
    for seed in range(20):
        logits = np.random.default_rng(seed).normal(size=(len(windows.char_starts), 2))
        logits = logits.astype(np.float32)
        theirs = best_spans(windows, logits, size=1, longest=4)
        start_logits, end_logits = torch.from_numpy(logits[:-1]).T  # without [SEP]
        start, end = REFERENCES["best_span"](start_logits, end_logits, context_from, 4)
        assert windows.char_starts[start] == theirs.starts[0, 0]
        assert windows.char_ends[end] == theirs.ends[0, 0]


def test_labels_of_pieces_are_those_of_training(tokenizer):
    words = ("Nebuchadnezzar", "met", "Hammurabi", ".")
    sentence = Sentence(words, ("B-PER", "O", "B-PER", "O"))
    tag_set = TagSet.of([sentence])
    windows = TaggedWindows([sentence], tokenizer, tag_set)
    counts = [len(tokenizer.encode(text).ids) - 2 for text in words]
    word_ids = [None, *np.repeat(range(len(words)), counts).tolist(), None]
    labels = [tag_set.names.index(tag) for tag in sentence.tags]
    assert len(word_ids) > 8
    assert REFERENCES["label_pieces"](word_ids, labels) == windows.labels.tolist()


def random_tags(seed):
    draw = random.Random(seed)
    tags = ["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-MISC"]
    return [[draw.choice(tags) for _ in range(draw.randint(1, 12))] for _ in range(8)]


@pytest.mark.parametrize("seed", range(10))
def test_entities_and_their_f1_are_seqevals(seed):
    gold = random_tags(seed)
    draw = random.Random(seed)
    predicted = [[tag if draw.random() < 0.8 else "O" for tag in tags] for tags in gold]
    for tags in gold:
        assert [*map(tuple, REFERENCES["entities"](tags))] == get_entities(tags)
        turned = REFERENCES["to_iob2"](tags)
        assert get_entities(turned) == get_entities(tags)
        assert all(turned[first][0] == "B" for _, first, _ in get_entities(turned))
    assert REFERENCES["entity_f1"](gold, predicted) == pytest.approx(f1_score(gold, predicted))


def test_the_first_loss_is_what_a_run_is_held_against():
    logits, labels = np.zeros((6, 3)), np.arange(6) % 3
    fresh = signs.class_signs(("a", "b", "c"), logits, labels).fresh
    assert REFERENCES["expected_first_loss"](3) == fresh
    one = torch.nn.functional.cross_entropy(torch.zeros(6, 3), torch.from_numpy(labels))
    assert math.isclose(one.item(), fresh, rel_tol=1e-6)


def test_too_long_is_what_the_tokenizer_cuts(tokenizer):
    texts = ["one two three four", "one two three", "one two", "one two three four five six"]
    lengths = [len(tokenizer.encode(text).ids) - 2 for text in texts]
    cut = [bool(tokenizer.encode(text, max_length=5).overflowing) for text in texts]
    assert REFERENCES["share_truncated"](lengths, 5) == sum(cut) / len(cut) == 0.5


def test_rounds_of_philox_are_the_kernels():
    """Between two rounds the key takes a step."""
    seed = 0x0123456789ABCDEF
    counter, key = (3, 2**32 - 1, 5, 77), (seed & 0xFFFFFFFF, seed >> 32)
    steps = 0x9E3779B9, 0xBB67AE85  # Salmon et al. 2011, section 4.3
    words = counter
    for _ in range(philox.ROUNDS):
        words = REFERENCES["philox_round"](words, key)
        key = tuple((word + step) % 2**32 for word, step in zip(key, steps, strict=True))
    theirs = philox.philox(torch.tensor([seed]), tuple(map(torch.tensor, counter)))
    assert words == tuple(word.item() for word in theirs)


def test_a_softmax_in_pieces_is_the_softmax():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(3, 11, generator=generator, dtype=torch.float64)
    values = torch.randn(11, 4, generator=generator, dtype=torch.float64)
    maxima, totals = zip(*(REFERENCES["running_sums"](row, 4) for row in scores), strict=True)
    maximum, total = torch.stack(maxima)[:, -1], torch.stack(totals)[:, -1]
    torch.testing.assert_close(maximum + total.log(), scores.logsumexp(-1), rtol=0, atol=1e-14)

    part = scores.new_full((3,), -torch.inf), scores.new_zeros(3), scores.new_zeros(3, 4)
    for tile in (slice(0, 4), slice(4, 8), slice(8, 11)):
        top = scores[:, tile].amax(-1)
        powers = (scores[:, tile] - top[:, None]).exp()
        part = REFERENCES["merge"](part, (top, powers.sum(-1), powers @ values[tile]))
    torch.testing.assert_close(part[1], total)
    torch.testing.assert_close(part[2] / part[1][:, None], scores.softmax(-1) @ values)


def test_the_gradient_from_one_number_is_autograd_s_tile_by_tile():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(3, 7, generator=generator, dtype=torch.float64, requires_grad=True)
    values = torch.randn(7, 4, generator=generator, dtype=torch.float64)
    gradient = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    context = scores.softmax(-1) @ values
    (wanted,) = torch.autograd.grad(context, scores, gradient)
    kept = scores.logsumexp(-1), context
    tiles = [
        REFERENCES["scores_gradient"](scores[:, tile], *kept, values[tile], gradient)
        for tile in (slice(0, 3), slice(3, 7))
    ]
    torch.testing.assert_close(torch.cat(tiles, -1), wanted)


def test_the_programs_cover_every_query_once():
    cu_seqlens = [0, 5, 5, 12, 13]
    covered = [
        cu_seqlens[text] + first + place
        for text, first, count in REFERENCES["programs"](cu_seqlens, 3)
        for place in range(count)
    ]
    assert covered == list(range(13))
