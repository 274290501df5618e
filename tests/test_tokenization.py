"""The tokenizer: equal to that of `transformers`, on its files, ours and the packaged ones."""

import json
import shutil
from pathlib import Path

import pytest
import transformers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from minibert import BertTokenizer
from minibert.checkpoint import find
from minibert.errors import CheckpointError, MinibertError, TokenizerError
from minibert.tokenization import SPECIAL_TOKENS

MINILM = find("minilm")
TEXTS = [
    "",
    " \t\n ",
    "The quick brown fox didn't jump; it stayed (at home).",
    "HELLO Hello hello",
    "Crème brûlée à l'ÉLAN, naïve Ångström, Straße, İstanbul, Ελλάδα",
    "e\u0301 combining, and x\u0308 too",
    "東京タワー と 中文字符 mixed with English",
    "한국어 텍스트, हिन्दी, العربية",
    "emoji 🙂👩‍👩‍👧🏽 and ☃",
    "$12.50 + 3%=?! <<a>> [b] {c} ~`^_|\\/ «x» … — ¿",
    "control\x00 chars\x07 and\ufffd replaced\u200b zero\u00ad width\u00a0 space\u2028 line",
    "tab\tnew\nline\r\nreturn",
    "x" * 99 + " " + "y" * 100 + " " + "z" * 101 + " " + "antidis" * 40,
    "unaffable antidisestablishmentarianism xqzvkj",
    "[CLS] a [MASK] of [SEP] tokens [PAD] and [UNK], [mask]",
    "##ing #tag @user http://example.org/a?b=c&d",
    "word " * 300,
]
CORPUS = [
    "Hello World, said the Élan of Anna to Berta; hello there, the world said.",
    "The Tower of 東京 is HIGH and the high tower is Anna's.",
    "unaffable people affably fabled: able, unable, stable, table!",
] * 3

SAID = {
    "minilm": "tokenizer.json of the package",
    "vocabulary": "vocab.txt of the package",
    "cased": "trained and saved by us, cased",
    "uncased": "trained and saved by us, uncased",
}


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    """{kind: directory with a tokenizer's files}."""
    root = tmp_path_factory.mktemp("tokenizers")
    for kind in SAID:
        (root / kind).mkdir()
    shutil.copy(MINILM / "tokenizer.json", root / "minilm")
    shutil.copy(MINILM / "tokenizer_config.json", root / "minilm")
    shutil.copy(MINILM / "vocab.txt", root / "vocabulary")
    for kind in ("cased", "uncased"):
        BertTokenizer.train(CORPUS, 160, kind == "uncased").save_pretrained(root / kind)
    return {kind: root / kind for kind in SAID}


@pytest.fixture(scope="module")
def tokenizers(directories):
    """{kind: (our tokenizer, that of `transformers`)} on the same files."""
    theirs = transformers.BertTokenizer
    return {
        kind: (BertTokenizer.from_pretrained(path), theirs.from_pretrained(path))
        for kind, path in directories.items()
    }


@pytest.fixture(scope="module")
def minilm():
    return BertTokenizer.from_pretrained("minilm")


def same(ours, theirs, text, pair=None, max_length=None):
    """Both tokenizers agree on this text in everything that both know."""
    encoding = ours.encode(text, pair, max_length)
    expected = theirs(
        [text],  # a batch of one: alone, an empty pair would count as none
        None if pair is None else [pair],
        truncation=max_length is not None and "longest_first",
        max_length=max_length,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
    )
    assert encoding.ids == expected["input_ids"][0]
    assert encoding.type_ids == expected["token_type_ids"][0]
    assert encoding.offsets == expected["offset_mapping"][0]
    assert encoding.special_tokens_mask == expected["special_tokens_mask"][0]
    assert encoding.word_ids == expected.word_ids(0)
    assert encoding.sequence_ids == expected.sequence_ids(0)
    assert encoding.attention_mask == [1] * len(encoding.ids)


every_kind = pytest.mark.parametrize("kind", SAID)


@every_kind
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:12]))
def test_single_texts_equal_transformers(tokenizers, kind, text):
    same(*tokenizers[kind], text)


@every_kind
def test_pairs_equal_transformers(tokenizers, kind):
    for text, pair in zip(TEXTS, reversed(TEXTS), strict=True):
        same(*tokenizers[kind], text, pair)


@every_kind
@pytest.mark.parametrize("max_length", [5, 6, 9, 16, 33])
def test_truncation_equals_transformers(tokenizers, kind, max_length):
    for text, pair in zip(TEXTS, reversed(TEXTS), strict=True):
        same(*tokenizers[kind], text, max_length=max_length)
        same(*tokenizers[kind], text, pair, max_length)


@every_kind
def test_a_batch_is_its_texts_one_by_one(tokenizers, kind):
    ours, _ = tokenizers[kind]
    pairs = TEXTS[::-1]

    singles = ours.encode_batch(TEXTS, max_length=20)
    doubles = ours.encode_batch(TEXTS, pairs, max_length=20)

    assert [e.ids for e in singles] == [ours.encode(t, max_length=20).ids for t in TEXTS]
    assert [e.ids for e in doubles] == [
        ours.encode(text, pair, max_length=20).ids for text, pair in zip(TEXTS, pairs, strict=True)
    ]
    assert ours.encode_batch([]) == []


def test_a_batch_of_pairs_needs_as_many_of_both(minilm):
    with pytest.raises(ValueError, match=r"shorter|longer"):
        minilm.encode_batch(["a", "b"], ["c"])


@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=40), pair=st.none() | st.text(max_size=20))
def test_any_text_equals_transformers(tokenizers, text, pair):
    for kind in ("minilm", "cased"):
        same(*tokenizers[kind], text, pair)


def test_the_two_files_of_minilm_agree(tokenizers):
    from_json, from_vocabulary = tokenizers["minilm"][0], tokenizers["vocabulary"][0]

    assert from_json.vocabulary == from_vocabulary.vocabulary
    assert from_json.vocab_size == from_vocabulary.vocab_size == 30522
    for text, pair in zip(TEXTS, reversed(TEXTS), strict=True):
        one, other = from_json.encode(text, pair), from_vocabulary.encode(text, pair)
        assert (one.ids, one.offsets) == (other.ids, other.offsets)


def test_known_ids_of_the_uncased_vocabulary(minilm):
    encoding = minilm.encode("Hello, World!", "unaffable")

    assert encoding.ids == [101, 7592, 1010, 2088, 999, 102, 14477, 20961, 3468, 102]
    assert encoding.tokens[6:9] == ["una", "##ffa", "##ble"]
    assert encoding.type_ids == [0] * 6 + [1] * 4
    special = (minilm.pad_id, minilm.unk_id, minilm.cls_id, minilm.sep_id, minilm.mask_id)
    assert special == (0, 100, 101, 102, 103)


def googles_rule(first, second, room):
    """google-research/bert, run_classifier.py, `_truncate_seq_pair`, on lengths."""
    while first + second > room:
        if first > second:
            first -= 1
        else:
            second -= 1
    return first, second


def our_rule(first, second, room):
    """The same, but the longer text (the second of equals) has the odd piece where both are cut."""
    kept = googles_rule(first, second, room)
    if first <= second and kept[0] > kept[1]:
        return kept[1], kept[0]
    return kept


def kept_of(tokenizer, first, second, room):
    encoding = tokenizer.encode("a " * first, "b " * second, max_length=room + 3)
    a, b = tokenizer.encode("a").ids[1], tokenizer.encode("b").ids[1]
    assert set(encoding.ids) <= {a, b, tokenizer.cls_id, tokenizer.sep_id}
    return encoding.ids.count(a), encoding.ids.count(b)


lengths = st.integers(0, 40)


@settings(max_examples=200, deadline=None)
@given(first=lengths, second=lengths, room=st.integers(2, 60))
@example(first=5, second=5, room=5)
@example(first=3, second=9, room=5)
@example(first=9, second=3, room=5)
def test_pairs_are_cut_longest_first(minilm, first, second, room):
    kept = kept_of(minilm, first, second, room)

    assert kept == our_rule(first, second, room)
    if room % 2 == 0 or first > second or min(first, second) <= room // 2:
        assert kept == googles_rule(first, second, room)


def test_what_is_cut_is_the_end(minilm):
    text, pair = "one two three four five six", "seven eight nine ten"

    encoding = minilm.encode(text, pair, max_length=9)

    assert minilm.decode(encoding.ids, skip_special_tokens=False) == (
        "[CLS] one two three [SEP] seven eight nine [SEP]"
    )


def test_the_files_own_truncation_and_padding_are_reset():
    minilm = BertTokenizer.from_pretrained("minilm")  # a fresh one, nothing encoded yet
    file = json.loads((MINILM / "tokenizer.json").read_text(encoding="utf-8"))
    assert file["truncation"]["max_length"] == 128
    assert file["padding"]["strategy"] == {"Fixed": 128}

    assert len(minilm.encode("word " * 300).ids) == 302
    assert len(minilm.encode("word").ids) == 3
    assert [len(encoding.ids) for encoding in minilm.encode_batch(["a", "a b c"])] == [3, 5]


def test_an_encoding_leaves_nothing_behind(minilm):
    text = "word " * 50

    assert len(minilm.encode(text, max_length=10).ids) == 10
    assert len(minilm.encode(text).ids) == 52
    with pytest.raises(ValueError, match="zip"):
        minilm.encode_batch([text], [], max_length=10)
    assert len(minilm.encode(text).ids) == 52


@every_kind
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:12]))
def test_offsets_cut_the_original_text(tokenizers, kind, text):
    ours, _ = tokenizers[kind]
    encoding = ours.encode("a pair", text)

    previous = 0
    for token, number, (start, end) in zip(
        encoding.tokens, encoding.sequence_ids, encoding.offsets, strict=True
    ):
        if number != 1:
            continue
        assert previous <= start < end <= len(text)
        previous = start
        cut = text[start:end]
        plain = token.removeprefix("##")
        if token != "[UNK]" and cut.isascii():
            assert plain == (cut.lower() if ours.lowercase and plain not in SPECIAL_TOKENS else cut)


def test_offsets_of_a_text_whose_accents_are_stripped(minilm):
    text = "Crème BRÛLÉE"

    encoding = minilm.encode(text)

    words = {
        word: [o for w, o in zip(encoding.word_ids, encoding.offsets, strict=True) if w == word]
        for word in (0, 1)
    }
    assert [text[o[0][0] : o[-1][1]] for o in words.values()] == ["Crème", "BRÛLÉE"]


def test_decode(minilm):
    ids = minilm.encode("Unaffable FOXES, are they?").ids

    assert minilm.decode(ids) == "unaffable foxes, are they?"
    assert minilm.decode(ids, skip_special_tokens=False).startswith("[CLS] unaffable")
    assert minilm.decode([]) == ""
    theirs = transformers.BertTokenizer.from_pretrained(MINILM)
    assert minilm.decode(ids) == theirs.decode(ids, skip_special_tokens=True)


@every_kind
def test_saved_and_loaded_is_equal_here_and_in_transformers(tokenizers, kind, tmp_path):
    ours, _ = tokenizers[kind]
    ours.save_pretrained(tmp_path / "saved")
    assert {path.name for path in (tmp_path / "saved").iterdir()} == {
        "vocab.txt",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    (tmp_path / "words").mkdir()
    for name in ("vocab.txt", "tokenizer_config.json"):
        shutil.copy(tmp_path / "saved" / name, tmp_path / "words")

    again = BertTokenizer.from_pretrained(tmp_path / "saved")
    from_words = BertTokenizer.from_pretrained(tmp_path / "words")
    for loader in (transformers.BertTokenizer, transformers.AutoTokenizer):
        theirs = loader.from_pretrained(tmp_path / "saved")
        for text in TEXTS:
            same(ours, theirs, text, "pair")

    for other in (again, from_words):
        assert other.vocabulary == ours.vocabulary
        assert other.lowercase == ours.lowercase
        assert [e.ids for e in other.encode_batch(TEXTS)] == [
            e.ids for e in ours.encode_batch(TEXTS)
        ]


def test_train_learns_the_frequent_pieces():
    tokenizer = BertTokenizer.train(CORPUS, 160)

    assert tokenizer.vocabulary[:5] == list(SPECIAL_TOKENS)
    assert tokenizer.vocab_size <= 160
    assert {"the", "##able", "hello"} <= set(tokenizer.vocabulary)
    assert not any(piece != piece.lower() for piece in tokenizer.vocabulary[5:])
    assert tokenizer.unk_id not in tokenizer.encode(CORPUS[0], CORPUS[2]).ids


def test_train_cased_keeps_capitals_and_accents():
    tokenizer = BertTokenizer.train(iter(CORPUS), 160, lowercase=False)

    assert not tokenizer.lowercase
    assert tokenizer.decode(tokenizer.encode("Hello Élan").ids) == "Hello Élan"
    assert tokenizer.encode("Hello").ids != tokenizer.encode("hello").ids


def test_train_heeds_the_frequency():
    texts = ["often often often", "twice twice", "once"]

    often = BertTokenizer.train(texts, 100, min_frequency=3).vocabulary
    all_words = BertTokenizer.train(texts, 100, min_frequency=1).vocabulary

    assert {"often", "twice", "once"} & set(often) == {"often"}
    assert {"often", "twice", "once"} <= set(all_words)


def test_train_gives_the_same_vocabulary_every_time():
    """The trainer's hash tables have another order in every training."""
    vocabularies = [BertTokenizer.train(CORPUS, 160).vocabulary for _ in range(4)]

    assert all(vocabulary == vocabularies[0] for vocabulary in vocabularies)


@pytest.mark.parametrize("vocab_size", [-1, 0, 5, 10])
def test_train_refuses_a_vocabulary_without_room_for_the_characters(vocab_size):
    # 5 special tokens, a to d, and ##b ##c ##d
    with pytest.raises(TokenizerError, match=f"vocab_size {vocab_size} is too small.* are 12 "):
        BertTokenizer.train(["abcd"], vocab_size)

    assert BertTokenizer.train(["abcd"], 12).vocab_size == 12


VOCABULARY = [*SPECIAL_TOKENS, "hello", "world", "##s", ",", "[unused1]"]


@pytest.fixture
def vocabulary_file(tmp_path):
    """A function that writes a vocab.txt of these pieces, and a config if told."""

    def write(pieces, end="\n", **config):
        path = tmp_path / "vocab.txt"
        path.write_bytes("".join(piece + end for piece in pieces).encode())
        if config:
            (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
        return path

    return write


@pytest.mark.parametrize("as_directory", [True, False], ids=["directory", "file"])
@pytest.mark.parametrize(
    ("more", "config", "lowercase"),
    [
        ([], {}, True),
        (["Hello"], {}, False),
        (["[Unused2]", "[X]"], {}, True),
        (["É"], {}, False),
        (["[Unused2]", "##S"], {}, False),
        ([], {"do_lower_case": False}, False),
        (["Hello"], {"do_lower_case": True}, True),
        (["Hello"], {"model_max_length": 512}, False),
        ([], {"do_lower_case": None}, True),
    ],
)
def test_cased_or_uncased(vocabulary_file, more, config, lowercase, as_directory):
    path = vocabulary_file(VOCABULARY + more, **config)

    tokenizer = BertTokenizer.from_pretrained(path.parent if as_directory else path)

    assert tokenizer.lowercase is lowercase
    known = tokenizer.unk_id not in tokenizer.encode("HELLO").ids
    assert known is lowercase


def test_tokenizer_json_comes_before_vocab_txt(vocabulary_file):
    path = vocabulary_file([*VOCABULARY, "only", "in", "words"])
    BertTokenizer(dict(zip(VOCABULARY, range(99), strict=False))).save_pretrained(path.parent)
    vocabulary_file([*VOCABULARY, "only", "in", "words"])

    assert BertTokenizer.from_pretrained(path.parent).vocabulary == VOCABULARY


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "more"])
def test_ends_of_lines(vocabulary_file, end, last):
    path = vocabulary_file(VOCABULARY, end)
    path.write_bytes(path.read_bytes() + last.encode())

    expected = VOCABULARY + [last] * bool(last)
    assert BertTokenizer.from_pretrained(path).vocabulary == expected


def refusal(source):
    with pytest.raises(MinibertError) as error:
        BertTokenizer.from_pretrained(source)
    assert isinstance(error.value, TokenizerError | CheckpointError)
    return str(error.value)


@pytest.mark.parametrize("lost", SPECIAL_TOKENS)
def test_a_vocabulary_without_a_special_token(vocabulary_file, lost):
    path = vocabulary_file([piece for piece in VOCABULARY if piece != lost])

    assert refusal(path) == f"{path}: no {lost}; not a BERT vocabulary"


def test_an_empty_vocabulary(vocabulary_file):
    path = vocabulary_file([])

    assert refusal(path).startswith(f"{path}: no [PAD], [UNK], [CLS], [SEP], [MASK]")


def test_a_piece_that_stands_there_twice(vocabulary_file):
    path = vocabulary_file([*VOCABULARY, "world", "hello"])

    assert refusal(path) == f"{path}, line 12: 'hello' stands there again"


def test_a_vocabulary_that_is_not_utf_8(vocabulary_file):
    path = vocabulary_file(VOCABULARY)
    path.write_bytes(path.read_bytes() + "é".encode("latin-1") + b"\n")

    assert refusal(path) == f"{path}: not UTF-8 at byte {path.stat().st_size - 2}"


@pytest.mark.parametrize("content", [b"{", b"[]", b"null", b"\xff", b'"x"'])
def test_a_tokenizer_config_that_is_no_object(vocabulary_file, content):
    path = vocabulary_file(VOCABULARY)
    config = path.with_name("tokenizer_config.json")
    config.write_bytes(content)

    assert refusal(path.parent).startswith(f"{config}: not a JSON object (")


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[1]", b"\xff\xfe", b'{"model": {}}'])
def test_a_tokenizer_json_that_is_garbage(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)

    assert refusal(tmp_path).startswith(f"{path}: not a tokenizer file (")


def test_a_tokenizer_json_of_another_kind(tmp_path):
    path = tmp_path / "tokenizer.json"
    Tokenizer(models.BPE()).save(str(path))

    assert refusal(tmp_path) == f"{path}: BPE, not BERT's WordPiece"


def test_a_tokenizer_json_without_special_tokens(tmp_path):
    path = tmp_path / "tokenizer.json"
    Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]")).save(str(path))

    assert refusal(tmp_path) == f"{path}: no [PAD], [CLS], [SEP], [MASK]; not a BERT vocabulary"


def test_a_directory_without_a_tokenizer(tmp_path):
    assert refusal(tmp_path) == f"{tmp_path}: no tokenizer.json and no vocab.txt there"


def test_a_directory_that_is_not_there(tmp_path):
    assert refusal(tmp_path / "x") == (
        f"{tmp_path / 'x'}: no such directory, and no name of a model on the hub"
    )


def test_ids_with_a_gap():
    vocabulary = {piece: number for number, piece in enumerate(VOCABULARY)} | {"gap": 99}

    with pytest.raises(TokenizerError, match="the ids are not 0 to 10, each once"):
        BertTokenizer(vocabulary)


@pytest.mark.parametrize(("pair", "least"), [(None, 3), ("b", 5)])
def test_a_max_length_that_leaves_no_room(minilm, pair, least):
    assert len(minilm.encode("a a a", pair, max_length=least).ids) == least
    for too_short in (least - 1, 0, -1):
        with pytest.raises(
            TokenizerError, match=f"max_length {too_short} is too short: {least} at"
        ):
            minilm.encode("a a a", pair, max_length=too_short)
    assert len(minilm.encode("a a a").ids) == 5


def test_a_vocabulary_larger_than_the_models_table(minilm):
    minilm.check_fits(30522)
    minilm.check_fits(30528)

    with pytest.raises(TokenizerError, match=r"30522 word pieces.* 30521 token"):
        minilm.check_fits(30521)


def test_the_tokenizer_travels_with_a_model_directory(tmp_path):
    BertTokenizer.train(CORPUS, 160).save_pretrained(tmp_path / "run/model")
    (tmp_path / "run/settings.json").write_text("{}")

    tokenizer = BertTokenizer.from_pretrained(Path(tmp_path / "run"))

    assert tokenizer.vocabulary == BertTokenizer.train(CORPUS, 160).vocabulary
