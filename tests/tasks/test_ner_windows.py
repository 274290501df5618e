"""Windows of tagged words: by hand, against the tokenizers of others, and no word lost."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiny_runs import tiny_tokenizer

from minibert import BertTokenizer
from minibert.errors import ConfigError, DataError
from minibert.tasks.ner.reading import Columns, Sentence, read_sentences
from minibert.tasks.ner.schemes import TagSet
from minibert.tasks.ner.windows import UNLABELLED, TaggedWindows, widened
from minibert.tasks.overlap import Run

VOCABULARY = "[PAD] [UNK] [CLS] [SEP] [MASK] a b c d e f g h i j ##x ##y .".split()
IDS = {piece: number for number, piece in enumerate(VOCABULARY)}
TAGS = TagSet(("O", "B-A", "I-A"))


@cache
def letters():
    return BertTokenizer(IDS)


def sentence(words, tags=None, document=0):
    words = tuple(words.split(" "))
    return Sentence(words, None if tags is None else tuple(tags.split()), document, "f", (1,))


def outside(words, document=0):
    """A sentence without entities."""
    return sentence(words, " ".join("O" for _ in words.split(" ")), document)


def windows_of(*sentences, **sizes):
    return TaggedWindows(sentences, letters(), TAGS, **sizes)


def shown(windows):
    """The pieces of each window without [CLS] and [SEP], those that are read in capitals."""
    found = []
    for row in range(len(windows)):
        start, end = windows.starts[row : row + 2]
        assert (windows.ids[start], windows.ids[end - 1]) == (IDS["[CLS]"], IDS["[SEP]"])
        pieces = [
            VOCABULARY[windows.ids[place]].upper()
            if place in windows.positions
            else VOCABULARY[windows.ids[place]]
            for place in range(start + 1, end - 1)
        ]
        found.append(" ".join(pieces))
    return found


# --- by hand --------------------------------------------------------------------------------------


def test_first_pieces_are_labelled_and_the_rest_is_not():
    windows = windows_of(sentence("ax b cxy a.", "B-A I-A O B-A"), outside("d"))
    assert shown(windows) == ["A ##x B C ##x ##y A .", "D"]
    assert windows.labels.tolist() == [
        *(UNLABELLED, 1, UNLABELLED, 2, 0, UNLABELLED, UNLABELLED, 1, UNLABELLED, UNLABELLED),
        *(UNLABELLED, 0, UNLABELLED),
    ]
    assert windows.positions.tolist() == [1, 3, 4, 7, 11]
    assert windows.bounds.tolist() == [0, 4, 5]
    assert windows.lengths.tolist() == [10, 3]


def test_a_batch_is_padded_and_its_labels_with_it():
    windows = windows_of(sentence("ax b", "B-A I-A"), outside("d"))
    batch = windows.batch([1, 0])
    assert batch.inputs["input_ids"].tolist() == [
        [IDS[name] for name in "[CLS] d [SEP] [PAD] [PAD]".split()],
        [IDS[name] for name in "[CLS] a ##x b [SEP]".split()],
    ]
    assert batch.inputs["attention_mask"].tolist() == [[1] * 3 + [0] * 2, [1] * 5]
    assert batch.inputs["token_type_ids"].tolist() == [[0] * 5] * 2
    assert batch.labels.tolist() == [[-100, 0, -100, -100, -100], [-100, 1, -100, 2, -100]]
    assert batch.labels.dtype == torch.int64


def test_a_sentence_too_long_is_read_in_several_windows():
    """Room for 4, step 2: a b c d | c d e f | e f g h | g h i. Each is read where it is inmost."""
    windows = windows_of(outside("a b c d e f g h i"), max_length=6)
    assert shown(windows) == ["A B C d", "c D E f", "e F G h", "g H I"]
    assert windows.truncated == 0
    assert windows.report() == (
        "1 sentences in 1 documents, 9 words (0 lost), 4 windows\n"
        "1 sentences are too long for one window"
    )


def test_a_sentence_that_just_fits_is_read_in_one_window():
    windows = windows_of(outside("a b c d"), outside("a b c d e"), max_length=6)
    assert shown(windows) == ["A B C D", "A B C d", "c D E"]
    assert windows.long == 1


def test_a_word_cut_at_a_windows_edge_is_read_in_the_next():
    """Room for 4: a b c ##x | c ##x ##y d | ##y d: in the last window no word is read."""
    windows = windows_of(sentence("a b cxy d", "O O B-A I-A"), max_length=6)
    assert shown(windows) == ["A B C ##x", "c ##x ##y D"]
    assert windows.labels[windows.positions].tolist() == [0, 0, 1, 2]
    long = windows_of(outside("axxxxxxxxx b"), max_length=5)
    assert shown(long) == ["A ##x ##x", "##x ##x B"]


def test_words_in_which_the_tokenizer_sees_nothing_are_unknown_and_not_lost():
    windows = windows_of(sentence("a \x07 \u200b b", "O B-A I-A O"))
    assert shown(windows) == ["A [UNK] [UNK] B"]
    assert windows.labels[windows.positions].tolist() == [0, 1, 2, 0]
    assert windows.report().endswith("2 words are [UNK]: the tokenizer sees nothing in them")


def test_without_all_tags_there_are_no_labels():
    windows = windows_of(outside("a b"), sentence("c"))
    assert windows.labels is None
    assert windows.batch([0, 1]).labels is None
    assert windows.positions.tolist() == [1, 2, 5]


def test_a_sentence_without_words_has_no_window_and_keeps_its_place():
    empty = Sentence(())
    windows = windows_of(empty, outside("a"), empty, outside("b c"), empty)
    assert shown(windows) == ["A", "B C"]
    assert windows.bounds.tolist() == [0, 0, 1, 1, 3, 3]


def test_what_cannot_be_windows_is_refused():
    with pytest.raises(DataError, match="no word to be tagged"):
        windows_of(Sentence(()))
    with pytest.raises(DataError, match="no word to be tagged"):
        windows_of()
    with pytest.raises(ConfigError, match="max_length 2 is too short: 3 at least"):
        windows_of(outside("a"), max_length=2)
    with pytest.raises(DataError, match="f, line 1: tag 'B-X' is unknown"):
        windows_of(sentence("a", "B-X"))
    assert shown(windows_of(outside("ax b"), max_length=3)) == ["A", "B"]


# --- document context -----------------------------------------------------------------------------


def test_context_fills_the_room_and_stays_in_its_document():
    sentences = [outside("a b"), outside("c"), outside("d e f", 1), outside("g", 2)]
    windows = windows_of(*sentences, max_length=5, document_context=True)
    assert shown(windows) == ["A B c", "a b C", "D E F", "G"]
    assert windows.labels.tolist() == [
        *(-100, 0, 0, -100, -100),
        *(-100, -100, -100, 0, -100),
        *(-100, 0, 0, 0, -100),
        *(-100, 0, -100),
    ]


@pytest.mark.parametrize(
    ("run", "room", "expected"),
    [
        ((4, 5), 2, (4, 5)),  # nothing to spare
        ((4, 5), 3, (4, 6)),  # of an odd room the greater half goes behind
        ((4, 5), 4, (3, 6)),
        ((4, 5), 8, (1, 8)),
        ((4, 5), 9, (0, 8)),  # behind there is no more
        ((1, 2), 8, (0, 7)),  # before there is no more
        ((4, 5), 20, (0, 8)),
    ],
)
def test_room_is_shared_by_both_sides_and_none_is_wasted(run, room, expected):
    assert widened(Run(*run), Run(0, 8), room) == expected


def test_a_long_sentence_has_context_only_where_its_last_window_leaves_room():
    sentences = [outside("a b c d e f g h i"), outside("j")]
    windows = windows_of(*sentences, max_length=6, document_context=True)
    assert shown(windows) == ["A B C d", "c D E f", "e F G h", "g H I j", "g h i J"]


def test_documents_of_one_number_that_do_not_touch_are_two():
    sentences = [outside("a"), outside("b", 1), outside("c")]
    assert shown(windows_of(*sentences, document_context=True)) == ["A", "B", "C"]


# --- properties -----------------------------------------------------------------------------------

WORD = st.text("ax.\u0301Bc\x07 é東", min_size=1, max_size=6).filter(lambda word: word.strip())


@st.composite
def documents(draw):
    """Sentences of random words and tags, in one or more documents."""
    made, document = [], 0
    for words in draw(st.lists(st.lists(WORD, max_size=9), min_size=1, max_size=5)):
        document += draw(st.booleans())
        tags = draw(st.lists(st.sampled_from(TAGS.names), min_size=len(words), max_size=len(words)))
        made.append(Sentence(tuple(words), tuple(tags), document, "f", (1,)))
    return made


@given(documents(), st.integers(3, 14), st.booleans())
@example([outside("axxxxxxxx b")], 3, True)
@settings(deadline=None)
def test_every_word_is_read_once_and_ids_are_those_of_its_pieces(sentences, max_length, context):
    tokenizer = letters()
    words = [word for sentence in sentences for word in sentence.words]
    if not words:
        return
    windows = TaggedWindows(sentences, tokenizer, TAGS, max_length, context)

    # Each word has a place of its own, which holds its first piece and alone its label
    firsts = [(tokenizer.encode(word).ids[1:-1] or [tokenizer.unk_id])[0] for word in words]
    assert len(set(windows.positions.tolist())) == len(words)
    assert windows.ids[windows.positions].tolist() == firsts
    labelled = np.flatnonzero(windows.labels.numpy() != UNLABELLED)
    assert labelled.tolist() == windows.positions.tolist()
    assert windows.labels[windows.positions].tolist() == TAGS.numbers(sentences).tolist()

    # A window is a run of its document's pieces, which holds those that are read in it
    streams = {}
    for sentence in sentences:
        for word in sentence.words:
            ids = tokenizer.encode(word).ids[1:-1] or [tokenizer.unk_id]
            streams.setdefault(sentence.document, []).extend(ids)
    owners = [sentence.document for sentence in sentences for _ in sentence.words]
    for row in range(len(windows)):
        start, end = windows.starts[row : row + 2]
        assert end - start == windows.lengths[row] <= max_length
        read = np.flatnonzero((windows.positions >= start) & (windows.positions < end))
        assert len(read)
        (document,) = {owners[word] for word in read}
        ids, stream = windows.ids[start + 1 : end - 1].tolist(), streams[document]
        assert any(stream[i : i + len(ids)] == ids for i in range(len(stream)))
        if context:  # no room is left while there is more of the document
            assert len(ids) == min(max_length - 2, len(stream))


def test_ids_and_labels_are_those_of_transformers(root, tmp_path):
    """Its tokenizer told that the text is split into words, and its own recipe for labels."""
    from transformers import BertTokenizerFast

    ours = tiny_tokenizer()
    ours.save_pretrained(tmp_path)
    theirs = BertTokenizerFast.from_pretrained(tmp_path)
    sentences = read_sentences(root / "data" / "ner" / "train.txt")
    tag_set = TagSet.of(sentences)
    windows = TaggedWindows(sentences, ours, tag_set, 512)
    assert len(windows) == len(sentences)
    for row, sentence in enumerate(sentences):
        encoding = theirs(list(sentence.words), is_split_into_words=True)
        batch = windows.batch([row])
        assert batch.inputs["input_ids"].tolist() == [encoding["input_ids"]]
        labels, before = [], None
        for word in encoding.word_ids():
            fresh = word is not None and word != before
            labels.append(tag_set.names.index(sentence.tags[word]) if fresh else -100)
            before = word
        assert batch.labels.tolist() == [labels]


@pytest.mark.parametrize("words_at_once", [1, 7])
def test_many_words_at_once_or_few_the_windows_are_the_same(root, monkeypatch, words_at_once):
    sentences = read_sentences(root / "data" / "ner" / "dev.txt")
    tag_set = TagSet.of(sentences)
    whole = TaggedWindows(sentences, tiny_tokenizer(), tag_set, 32, True)
    monkeypatch.setattr("minibert.tasks.ner.windows.AT_ONCE", words_at_once)
    parts = TaggedWindows(sentences, tiny_tokenizer(), tag_set, 32, True)
    for name in ("ids", "segments", "lengths", "starts", "positions", "bounds", "labels"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name)), name


# --- real text ------------------------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.parametrize("context", [False, True])
def test_conll_2003_loses_no_word(real_data, context):
    sentences = read_sentences(real_data / "conll2003" / "eng.testa")
    tokenizer, tag_set = BertTokenizer.from_pretrained("minilm"), TagSet.of(sentences)
    windows = TaggedWindows(sentences, tokenizer, tag_set, 64, context)
    assert len(windows) > len(sentences)  # some are longer
    assert (windows.labels != UNLABELLED).sum() == len(windows.positions) == 51_362
    assert "51362 words (0 lost)" in windows.report()
    assert windows.labels[windows.positions].tolist() == tag_set.numbers(sentences).tolist()
    if context:  # all but short documents fill their windows
        assert windows.lengths.mean() > 62


@pytest.mark.real
def test_parts_of_speech_are_labels_too(real_data):
    sentences = read_sentences(real_data / "conll2003" / "eng.testa", Columns(tags="2"))[:50]
    tag_set = TagSet.of(sentences)
    windows = TaggedWindows(sentences, tiny_tokenizer(), tag_set)
    named = tag_set.named(windows.labels[windows.positions].tolist(), windows.bounds)
    assert named == [sentence.tags for sentence in sentences]
