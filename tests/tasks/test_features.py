"""Features: what the tokenizer gives, kept end to end, and cut into padded batches."""

import numpy as np
import pytest
import torch
from tiny_runs import GLUE, SIZES, examples_of, tiny_tokenizer

from minibert import BertConfig, BertForSequenceClassification
from minibert.errors import TokenizerError
from minibert.tasks.features import Example, Features
from minibert.tasks.glue import task_named


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def texts_and_pairs(examples):
    pairs = None if examples[0].pair is None else [example.pair for example in examples]
    return [example.text for example in examples], pairs


@pytest.mark.parametrize("at_once", [4096, 7, 1])
@pytest.mark.parametrize("name", ["sst-2", "mrpc"])
def test_ids_and_segments_are_the_tokenizers(tokenizer, name, at_once):
    examples = examples_of(name, 20)
    encodings = tokenizer.encode_batch(*texts_and_pairs(examples), 24)

    features = Features(examples, tokenizer, 24, at_once=at_once)

    assert len(features) == 20
    for row, encoding in enumerate(encodings):
        inputs = features.batch([row]).inputs
        assert inputs["input_ids"].tolist() == [encoding.ids]
        assert inputs["token_type_ids"].tolist() == [encoding.type_ids]
        assert features.lengths[row] == len(encoding.ids) <= 24


def test_the_second_text_is_segment_one(tokenizer):
    features = Features([Example("good film", "bad film", 0)], tokenizer, 24)
    first = tokenizer.encode("good film").ids
    second = tokenizer.encode("bad film").ids[1:]

    inputs = features.batch([0]).inputs

    assert inputs["input_ids"].tolist() == [first + second]
    assert inputs["token_type_ids"].tolist() == [[0] * len(first) + [1] * len(second)]


def test_a_batch_is_padded_on_the_right_to_its_longest(tokenizer):
    examples = [Example("good", None, 0), Example("good good good", None, 1)]
    short, long = (tokenizer.encode(example.text).ids for example in examples)
    gap = len(long) - len(short)

    inputs = Features(examples, tokenizer, 24).batch([0, 1]).inputs

    assert gap > 0
    assert inputs["input_ids"].tolist() == [short + [tokenizer.pad_id] * gap, long]
    assert inputs["attention_mask"].tolist() == [[1] * len(short) + [0] * gap, [1] * len(long)]
    assert inputs["token_type_ids"].sum() == 0
    assert {value.dtype for value in inputs.values()} == {torch.int64}


@pytest.mark.parametrize("name", ["sst-2", "mrpc"])
def test_a_packed_batch_is_a_padded_one_without_its_padding(tokenizer, name):
    features = Features(examples_of(name, 12), tokenizer, 64)
    rows = [7, 2, 5, 11]

    packed, padded = features.packed(rows), features.batch(rows)

    real = padded.inputs["attention_mask"].bool()
    assert not real.all()
    for given in ("input_ids", "token_type_ids"):
        assert packed.inputs[given].tolist() == padded.inputs[given][real].tolist()
    assert packed.inputs["cu_seqlens"].dtype == torch.int32
    assert packed.inputs["cu_seqlens"].tolist() == [0, *real.sum(1).cumsum(0).tolist()]
    assert packed.inputs["max_seqlen"] == real.shape[1]
    assert packed.labels.tolist() == padded.labels.tolist()
    elsewhere = packed.to(torch.device("meta"))
    assert elsewhere.inputs["input_ids"].is_meta
    assert elsewhere.labels.is_meta
    assert elsewhere.inputs["max_seqlen"] == real.shape[1]


def test_segments_are_zero_in_the_padding(tokenizer):
    examples = [Example("good", "bad", 0), Example("good film", "bad bad bad film", 1)]
    inputs = Features(examples, tokenizer, 24).batch([0, 1]).inputs

    padding = inputs["attention_mask"] == 0

    assert padding.any()
    assert inputs["token_type_ids"][padding].eq(0).all()


def test_a_batch_takes_its_rows_in_the_order_given(tokenizer):
    examples = examples_of("sst-2", 10)
    features = Features(examples, tokenizer, 24)

    batch = features.batch([7, 2, 5])

    assert batch.labels.tolist() == [examples[row].label for row in (7, 2, 5)]
    for line, row in enumerate((7, 2, 5)):
        alone = features.batch([row]).inputs["input_ids"][0]
        assert batch.inputs["input_ids"][line, : len(alone)].tolist() == alone.tolist()


def test_truncated_counts_the_examples_that_were_cut(tokenizer):
    examples = examples_of("mrpc", 30)
    whole = [len(encoding.ids) for encoding in tokenizer.encode_batch(*texts_and_pairs(examples))]
    middle = int(np.median(whole))

    features = Features(examples, tokenizer, middle)

    assert features.truncated == sum(length > middle for length in whole)
    assert 0 < features.truncated < 30
    assert features.lengths.max() == middle
    assert Features(examples, tokenizer, max(whole)).truncated == 0


def test_labels_are_class_numbers_or_scores_or_unknown(tokenizer):
    classes = Features(examples_of("mrpc", 4), tokenizer, 24)
    scores = Features(examples_of("sts-b", 4), tokenizer, 24)
    unlabelled = task_named("sst-2").read(GLUE / "SST-2" / "test.tsv", labelled=False)
    unknown = Features(unlabelled, tokenizer, 24)

    assert classes.labels.dtype == torch.int64
    assert scores.labels.dtype == torch.float32
    assert scores.labels.tolist() == pytest.approx([row.label for row in examples_of("sts-b", 4)])
    assert unknown.labels is None
    assert unknown.batch([0]).labels is None


def test_a_batch_moves_as_a_whole(tokenizer):
    batch = Features(examples_of("sst-2", 3), tokenizer, 24).batch([0, 1, 2])

    moved = batch.to(torch.device("meta"))

    assert {value.device.type for value in (*moved.inputs.values(), moved.labels)} == {"meta"}


def test_an_empty_text_is_still_an_example(tokenizer):
    features = Features([Example("", None, 1)], tokenizer, 24)

    ids = features.batch([0]).inputs["input_ids"].tolist()

    assert ids == [[tokenizer.cls_id, tokenizer.sep_id]]


def test_a_length_with_no_room_for_a_pair(tokenizer):
    with pytest.raises(TokenizerError, match="max_length 4 is too short: 5 at least"):
        Features(examples_of("mrpc", 2), tokenizer, 4)


def test_the_model_takes_a_batch_as_it_is(tokenizer):
    model = BertForSequenceClassification(BertConfig(vocab_size=tokenizer.vocab_size, **SIZES))

    logits = model(**Features(examples_of("mrpc", 3), tokenizer, 24).batch([0, 1, 2]).inputs).logits

    assert logits.shape == (3, 2)
