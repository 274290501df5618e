"""WordPiece tokenization: text to word pieces to ids, on the `tokenizers` library.

A word that is not in the vocabulary is cut into pieces that are, longest first from the left;
pieces after the first are written with "##" in front. A word that cannot be cut so, or that has
more than 100 characters (200 in Google's code), becomes [UNK] as a whole. Text is cleaned and, for
an uncased vocabulary, lower-cased and stripped of accents before.

Source: Devlin et al. 2019, section 3; google-research/bert, `tokenization.py`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from tokenizers import Encoding, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece
from tokenizers.trainers import WordPieceTrainer

from minibert.checkpoint import find
from minibert.checkpoint.archives import is_archive
from minibert.checkpoint.disk import write_atomically
from minibert.errors import TokenizerError

TOKENIZER_FILES = ("vocab.txt", "tokenizer.json", "tokenizer_config.json")
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class BertTokenizer:
    """Turns texts into the ids that BERT was trained on, and back.

    What `encode` returns is an `Encoding` of the `tokenizers` library. Its lists have one element
    for every word piece: `ids`, `type_ids` (0 for the first text, 1 for the second), `tokens`,
    `offsets` (start and end in the original text, in characters), `word_ids`, `sequence_ids` (None
    for [CLS] and [SEP]), `special_tokens_mask`. Nothing is padded: that is the batch's business.
    """

    def __init__(self, vocabulary: dict[str, int], lowercase: bool = True):
        """vocabulary: {word piece: id}, ids 0 to n - 1. lowercase: uncased, accents stripped."""
        _check_vocabulary(vocabulary, "the vocabulary")
        tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
        self._wrap(tokenizer)

    def _wrap(self, tokenizer: Tokenizer) -> None:
        """Own `tokenizer`, with BERT's [CLS] and [SEP], and no truncation or padding inherited."""
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (
            tokenizer.get_vocab()[token] for token in SPECIAL_TOKENS
        )
        tokenizer.post_processor = processors.BertProcessing(
            ("[SEP]", self.sep_id), ("[CLS]", self.cls_id)
        )

    @classmethod
    def from_pretrained(cls, source: str | Path) -> Self:
        """The tokenizer of `source` (as in `Pretrained.from_pretrained`) or of a vocab.txt.

        tokenizer.json is taken where there is one; else vocab.txt, with `do_lower_case` from
        tokenizer_config.json, or uncased if no word piece has a capital letter. Raises
        `TokenizerError` or `CheckpointError` naming the file and what is wrong.
        """
        if Path(source).is_file() and not is_archive(Path(source)):
            return cls._from_vocabulary(Path(source))
        directory = find(source, "tokenizer")
        if (directory / "tokenizer.json").is_file():
            return cls._from_json(directory / "tokenizer.json")
        if (directory / "vocab.txt").is_file():
            return cls._from_vocabulary(directory / "vocab.txt")
        raise TokenizerError(f"{directory}: no tokenizer.json and no vocab.txt there")

    @classmethod
    def _from_json(cls, path: Path) -> Self:
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            raise TokenizerError(f"{path}: not a tokenizer file ({error})") from error
        if not isinstance(tokenizer.model, WordPiece):
            raise TokenizerError(f"{path}: {type(tokenizer.model).__name__}, not BERT's WordPiece")
        _check_vocabulary(tokenizer.get_vocab(), str(path))
        made = cls.__new__(cls)
        made._wrap(tokenizer)
        return made

    @classmethod
    def _from_vocabulary(cls, path: Path) -> Self:
        try:
            lines = path.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
        except UnicodeDecodeError as error:
            raise TokenizerError(f"{path}: not UTF-8 at byte {error.start}") from error
        pieces = [line.removesuffix("\r") for line in lines]
        repeated = [piece for piece, count in Counter(pieces).items() if count > 1]
        if repeated:
            second = pieces.index(repeated[0], pieces.index(repeated[0]) + 1) + 1
            raise TokenizerError(f"{path}, line {second}: {repeated[0]!r} stands there again")
        vocabulary = {piece: number for number, piece in enumerate(pieces)}
        _check_vocabulary(vocabulary, str(path))
        return cls(vocabulary, _is_lowercase(path, pieces))

    @classmethod
    def train(
        cls, texts: Iterable[str], vocab_size: int, lowercase: bool = True, min_frequency: int = 2
    ) -> Self:
        """Learn a vocabulary of at most `vocab_size` word pieces from `texts`.

        By merging pairs of pieces, as `tokenizers` does it: Google never released its own trainer.
        Pairs that occur `min_frequency` times or more are merged, most frequent first.
        The same texts give the same vocabulary. Raises `TokenizerError` if `vocab_size` has no room
        for the special tokens and every character, each as a word's first and as a later piece.
        """
        texts = list(texts)
        learner = cls({token: number for number, token in enumerate(SPECIAL_TOKENS)}, lowercase)
        # Named in order: the trainer would find them in the order of a hash table, different in
        # every process, and merges that tie are decided by number.
        given = [*SPECIAL_TOKENS, *learner._characters(texts)]
        if vocab_size < len(given):
            raise TokenizerError(
                f"vocab_size {vocab_size} is too small: the special tokens and the characters of "
                f"these texts alone are {len(given)} word pieces"
            )
        trainer = WordPieceTrainer(
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            special_tokens=given,
            show_progress=False,
        )
        learner._tokenizer.train_from_iterator(texts, trainer)
        return cls(learner._tokenizer.get_vocab(), lowercase)

    def _characters(self, texts: list[str]) -> list[str]:
        """The characters of `texts`, and those inside words once more with "##" in front."""
        normalizer, splitter = self._tokenizer.normalizer, self._tokenizer.pre_tokenizer
        words: set[str] = set()
        for text in texts:
            pieces = splitter.pre_tokenize_str(normalizer.normalize_str(text))
            words.update(word for word, _ in pieces)
        first = {character for word in words for character in word}
        later = {"##" + character for word in words for character in word[1:]}
        return sorted(first) + sorted(later)

    @property
    def vocab_size(self) -> int:
        """Word pieces in the vocabulary."""
        return int(self._tokenizer.get_vocab_size())

    @property
    def vocabulary(self) -> list[str]:
        """The word pieces in the order of their ids."""
        vocabulary = self._tokenizer.get_vocab()
        return sorted(vocabulary, key=vocabulary.__getitem__)

    @property
    def lowercase(self) -> bool:
        """Whether text is lower-cased first: an uncased tokenizer."""
        return bool(getattr(self._tokenizer.normalizer, "lowercase", False))

    def check_fits(self, rows: int) -> None:
        """Raises `TokenizerError` if a model with so many token embeddings lacks one for an id."""
        if self.vocab_size > rows:
            raise TokenizerError(
                f"the tokenizer has {self.vocab_size} word pieces, the model only {rows} token "
                "embeddings; they do not belong together"
            )

    def encode(self, text: str, pair: str | None = None, max_length: int | None = None) -> Encoding:
        """[CLS] text [SEP], or [CLS] text [SEP] pair [SEP], as ids.

        With more than max_length word pieces in all, pieces are dropped from the end of whichever
        text is longer (google-research/bert, `_truncate_seq_pair`). Where both texts are cut and
        the room is odd, one of them keeps a piece more: the longer, or the second of two equally
        long ones, as in `transformers`; Google's code always gives it to the first.
        """
        return self.encode_batch([text], None if pair is None else [pair], max_length)[0]

    def encode_batch(
        self,
        texts: Sequence[str],
        pairs: Sequence[str] | None = None,
        max_length: int | None = None,
    ) -> list[Encoding]:
        """`encode` for many texts at once, on all cores."""
        if max_length is not None:
            least = 3 if pairs is None else 5
            if max_length < least:
                raise TokenizerError(f"max_length {max_length} is too short: {least} at least")
            self._tokenizer.enable_truncation(max_length, strategy="longest_first")
        try:
            rows = list(texts) if pairs is None else list(zip(texts, pairs, strict=True))
            return list(self._tokenizer.encode_batch(rows))
        finally:
            self._tokenizer.no_truncation()

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """Text again, as far as it can be had: case and spacing may be lost."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens))

    def save_pretrained(self, directory: str | Path, max_length: int = 512) -> None:
        """Write vocab.txt, tokenizer.json and tokenizer_config.json for `transformers` to read.

        max_length: the positions of the model that it belongs to.
        """
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        config = {
            "do_lower_case": self.lowercase,
            "model_max_length": max_length,
            "tokenizer_class": "BertTokenizer",
        }
        texts = (
            "".join(piece + "\n" for piece in self.vocabulary),
            self._tokenizer.to_str(pretty=True),
            json.dumps(config, indent=2) + "\n",
        )
        for name, text in zip(TOKENIZER_FILES, texts, strict=True):
            write_atomically(directory / name, text)


def _check_vocabulary(vocabulary: dict[str, int], where: str) -> None:
    missing = [token for token in SPECIAL_TOKENS if token not in vocabulary]
    if missing:
        raise TokenizerError(f"{where}: no {', '.join(missing)}; not a BERT vocabulary")
    if sorted(vocabulary.values()) != list(range(len(vocabulary))):
        raise TokenizerError(f"{where}: the ids are not 0 to {len(vocabulary) - 1}, each once")


def _is_lowercase(path: Path, pieces: list[str]) -> bool:
    config = path.with_name("tokenizer_config.json")
    if config.is_file():
        try:
            told = json.loads(config.read_text(encoding="utf-8")).get("do_lower_case")
        except (ValueError, AttributeError) as error:
            raise TokenizerError(f"{config}: not a JSON object ({error})") from error
        if isinstance(told, bool):
            return told
    words = (piece for piece in pieces if piece[:1] != "[")
    return all(piece == piece.lower() for piece in words)
