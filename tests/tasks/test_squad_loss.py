"""The loss of spans: the formula, padding that does not count, and batches cut in any way."""

import math

import numpy as np
import pytest
import torch
from tiny_runs import SIZES, tiny_tokenizer

from minibert import BertConfig, BertForQuestionAnswering
from minibert.model.heads import SpanLogits
from minibert.tasks.features import Batch
from minibert.tasks.squad.reading import read_squad
from minibert.tasks.squad.spans import Predictions
from minibert.tasks.squad.task import SquadTask, padded_logits
from minibert.tasks.squad.windows import UNKNOWN, Windows

loss = SquadTask("2.0").loss


@pytest.fixture(scope="module")
def windows(root):
    questions = read_squad(root / "data" / "squad" / "train-v2.0.json")[::9]
    return Windows(questions, tiny_tokenizer(), max_length=64, doc_stride=40)


@pytest.fixture(scope="module")
def model(randomized):
    torch.manual_seed(0)
    config = BertConfig(**{"vocab_size": tiny_tokenizer().vocab_size, **SIZES})
    return randomized(BertForQuestionAnswering(config)).double().eval()


def packed(batch):
    """The same windows end to end, as the model takes them, with an empty one behind."""
    mask = batch.inputs["attention_mask"].bool()
    lengths = torch.cat([mask.sum(1), torch.zeros(1, dtype=torch.int64)])
    bounds = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).int()
    kept = {name: batch.inputs[name][mask] for name in ("input_ids", "token_type_ids")}
    inputs = kept | {"cu_seqlens": bounds, "max_seqlen": int(lengths.max())}
    return Batch(inputs, batch.labels)


def test_by_hand():
    """Odds of 3 to 1 for the right beginning, 1 to 1 to 2 for the end, and a third place padded."""
    start = torch.tensor([[math.log(3.0), 0.0, 50.0], [0.0, 0.0, 0.0]])
    end = torch.tensor([[0.0, 0.0, 50.0], [0.0, 0.0, math.log(2.0)]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    batch = Batch({"attention_mask": mask}, torch.tensor([[0, 1], [1, 2]]))

    found = loss(SpanLogits(start, end), batch)

    first = (math.log(4 / 3) + math.log(2)) / 2
    second = (math.log(3) + math.log(2)) / 2
    assert found.total.item() == pytest.approx(first + second)
    assert found.denominator == 2


def test_without_padding_it_is_that_of_transformers(model, windows, tmp_path):
    from transformers import BertForQuestionAnswering as Theirs

    model.save_pretrained(tmp_path)
    theirs = Theirs.from_pretrained(tmp_path, attn_implementation="eager").double().eval()
    rows = [row for row in range(len(windows)) if windows.lengths[row] == 64][:5]
    batch = windows.batch(rows)
    start, end = batch.labels.unbind(1)
    expected = theirs(**batch.inputs, start_positions=start, end_positions=end).loss
    found = loss(model(**batch.inputs), batch)
    assert len(rows) == 5
    assert (found.total / found.denominator).item() == pytest.approx(expected.item(), abs=1e-10)


def gradients(model, windows, groups, pack=False):
    """Of the mean loss over all groups of windows."""
    model.zero_grad()
    count = sum(map(len, groups))
    value = 0.0
    for rows in groups:
        batch = packed(windows.batch(rows)) if pack else windows.batch(rows)
        total = loss(model(**batch.inputs), batch).total / count
        total.backward()
        value += total.item()
    return value, [p.grad.clone() for p in model.parameters() if p.grad is not None]


def test_however_the_batch_is_cut_or_packed_the_gradient_is_the_same(model, windows):
    rows = [*windows.lengths.argsort()[:6], 0, 1]  # the shortest, and two full ones
    assert len(set(windows.lengths[rows].tolist())) > 3
    cuts = [[rows], [rows[:4], rows[4:]], [rows[i : i + 2] for i in (0, 2, 4, 6)]]
    expected_loss, expected = gradients(model, windows, [[row] for row in rows])
    for groups, pack in [(cut, False) for cut in cuts] + [(cuts[0], True)]:
        value, found = gradients(model, windows, groups, pack)
        assert value == pytest.approx(expected_loss, abs=1e-10)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_unknown_labels_count_neither_here_nor_there(model, windows):
    batch = windows.batch([0, 1])
    unknown = batch._replace(labels=torch.tensor([batch.labels[0].tolist(), [UNKNOWN] * 2]))
    out = model(**batch.inputs)
    found = loss(out, unknown)
    alone = loss(model(**windows.batch([0]).inputs), windows.batch([0]))
    assert found.denominator == 1
    torch.testing.assert_close(found.total, alone.total)
    assert all(torch.isfinite(g).all() for g in torch.autograd.grad(found.total, out))


def test_low_precision_logits_are_summed_in_float32(windows):
    batch = windows.batch([0, 1])
    noise = torch.randn(2, *batch.inputs["input_ids"].shape).bfloat16()
    low, same = (loss(SpanLogits(*logits), batch).total for logits in (noise, noise.float()))
    assert low.dtype == torch.float32
    assert low == same


def test_collected_outputs_lie_as_the_windows_do(model, windows):
    """Padded or packed, in any order of batches: the same answers as from each window alone."""
    task = SquadTask("2.0", doc_stride=40)
    rows = list(range(len(windows)))
    batches = [rows[3::2], rows[:3], rows[4::2]]
    logits = []
    with torch.no_grad():
        for row in rows:
            out = model(**windows.batch([row]).inputs)
            logits.append(torch.cat([torch.stack(out, -1)[0]]).float().numpy())
        padded = [(some, float32(model(**windows.batch(some).inputs))) for some in batches]
        ends = [(some, float32(model(**packed(windows.batch(some)).inputs))) for some in batches]
    expected = Predictions(windows, np.concatenate(logits))

    for found in (task.collect(padded, windows), task.collect(ends, windows)):
        assert found.texts(0.0) == expected.texts(0.0)
        np.testing.assert_allclose(found.odds, expected.odds, atol=1e-5)
        np.testing.assert_allclose(found.spans.scores, expected.spans.scores, atol=1e-5)


def float32(out):
    return SpanLogits(*(value.float() for value in out))


def test_packed_logits_in_rows_again(model, windows):
    """Without the empty window that stands behind the packed ones."""
    batch = windows.batch(list(range(len(windows))))
    with torch.no_grad():
        rows = padded_logits(model(**batch.inputs), batch)
        again = padded_logits(model(**packed(batch).inputs), packed(batch))
    torch.testing.assert_close(again, rows)
