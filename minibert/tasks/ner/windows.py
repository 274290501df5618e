"""What the model is given of each sentence: [CLS] its word pieces [SEP], and a label for each word.

A word's label stands at its first piece; pieces after it, [CLS] and [SEP] have none. A sentence
that is too long is read through several windows, each half a window behind the one before, and a
word is labelled and read in the one that shows it best: no word is lost, and none counts twice.

With document context, the room that a sentence leaves is filled with what stands before and behind
it in the same document. Those words are there to be looked at; they are read where they belong.

Source: Devlin et al. 2019, section 5.3, for first pieces and "the maximal document context
provided by the data"; the windows are those of google-research/bert, `run_squad.py`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from minibert.errors import ConfigError, DataError
from minibert.tasks.features import Batch, Features
from minibert.tasks.ner.reading import Sentence
from minibert.tasks.ner.schemes import TagSet
from minibert.tasks.overlap import Run, max_context, window_runs
from minibert.tokenization import BertTokenizer

UNLABELLED = -100  # a label that `functional.cross_entropy` passes over
AT_ONCE = 4096  # words that are tokenized together


class WordPieces(NamedTuple):
    """The word pieces of many words, end to end."""

    ids: NDArray[np.int32]  # (P,)
    firsts: NDArray[np.int64]  # (W + 1,), of each word its first piece; the last is P
    unseen: int  # words in which the tokenizer sees nothing, such as a lone control character


def word_pieces(words: Sequence[str], tokenizer: BertTokenizer) -> WordPieces:
    """The pieces of each word by itself, at least one: [UNK] where the tokenizer sees nothing."""
    places: dict[str, int] = {}
    kinds = np.array([places.setdefault(word, len(places)) for word in words], dtype=np.int64)
    different = list(places)
    found = [
        np.array(encoding.ids[1:-1], dtype=np.int32)
        for start in range(0, len(different), AT_ONCE)
        for encoding in tokenizer.encode_batch(different[start : start + AT_ONCE])
    ]
    unseen = np.array([len(ids) == 0 for ids in found])
    found = [ids if len(ids) else np.array([tokenizer.unk_id], dtype=np.int32) for ids in found]
    counts = np.array([len(ids) for ids in found])[kinds]
    firsts = np.concatenate([[0], np.cumsum(counts)])
    return WordPieces(np.concatenate([found[kind] for kind in kinds]), firsts, unseen[kinds].sum())


class TaggedWindows(Features):
    """The windows of many sentences, end to end without padding, in the order of the file.

    `labels` (T,) stand end to end as `ids` do: the number of a word's tag at its first piece,
    `UNLABELLED` elsewhere; None if any sentence has no tags. `positions` (W,) says where in them
    each word is read, and `bounds` (S + 1,) which words make up which sentence.
    """

    def __init__(
        self,
        sentences: Sequence[Sentence],
        tokenizer: BertTokenizer,
        tag_set: TagSet,
        max_length: int = 128,
        document_context: bool = False,
    ):
        """Raises `DataError` for an unknown tag, or if there is no word at all."""
        room = max_length - 2
        if room < 1:
            raise ConfigError(f"max_length {max_length} is too short: 3 at least")
        words = [word for sentence in sentences for word in sentence.words]
        if not words:
            raise DataError("there is no word to be tagged")
        self.sentences, self.tag_set = list(sentences), tag_set
        self.pad_id, self.max_length = tokenizer.pad_id, max_length
        self.truncated = 0  # nothing is ever lost
        pieces = word_pieces(words, tokenizer)
        self.unseen = pieces.unseen
        self.bounds = np.cumsum([0, *(len(sentence.words) for sentence in sentences)])
        ends = pieces.firsts[self.bounds]  # (S + 1,), the pieces between which sentences stand
        documents = _documents(sentences, ends)
        self.long = int((np.diff(ends) > room).sum())

        ids, reads = [], []
        start = 0
        for number in range(len(sentences)):
            firsts = pieces.firsts[self.bounds[number] : self.bounds[number + 1]]
            for shown, read in _windows(firsts, int(ends[number]), int(ends[number + 1]), room):
                if document_context:
                    shown = widened(shown, documents[number], room)
                inner = pieces.ids[shown.first : shown.last + 1]
                ids.append(np.array([tokenizer.cls_id, *inner, tokenizer.sep_id], dtype=np.int32))
                reads.append(read - shown.first + 1 + start)
                start += len(ids[-1])
        self.ids = np.concatenate(ids)
        self.segments = np.zeros(len(self.ids), dtype=np.int8)
        self.lengths = np.array([len(window) for window in ids])
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self.positions = np.concatenate(reads)
        assert len(self.positions) == len(words), "every word is read once"

        self.labels = None
        if all(sentence.tags is not None for sentence in sentences):
            self.labels = torch.full((len(self.ids),), UNLABELLED)
            self.labels[self.positions] = torch.from_numpy(tag_set.numbers(sentences))

    def batch(self, rows: Sequence[int]) -> Batch:
        """These windows in rows, and their labels (B, S), padded to the longest of them."""
        if self.labels is None:
            return Batch(self.padded_inputs(rows), None)
        padded = pad_sequence(self._labels_of(rows), batch_first=True, padding_value=UNLABELLED)
        return Batch(self.padded_inputs(rows), padded)

    def packed(self, rows: Sequence[int]) -> Batch:
        """These windows end to end, and their labels (T,)."""
        labels = None if self.labels is None else torch.cat(self._labels_of(rows))
        return Batch(self.packed_inputs(rows), labels)

    def _labels_of(self, rows: Sequence[int]) -> list[Tensor]:
        assert self.labels is not None
        return [self.labels[self.starts[row] : self.starts[row + 1]] for row in rows]

    def report(self) -> str:
        """What became of the sentences and their words."""
        documents = len({sentence.document for sentence in self.sentences})
        words = len(self.positions)
        lines = [
            f"{len(self.sentences)} sentences in {documents} documents, {words} words "
            f"({self.bounds[-1] - words} lost), {len(self)} windows"
        ]
        if self.long:
            lines.append(f"{self.long} sentences are too long for one window")
        if self.unseen:
            lines.append(f"{self.unseen} words are [UNK]: the tokenizer sees nothing in them")
        return "\n".join(lines)


def _windows(
    firsts: NDArray[np.int64], begin: int, end: int, room: int
) -> Iterator[tuple[Run, NDArray[np.int64]]]:
    """The windows of a sentence: the pieces that each shows, and the first pieces read in it.

    firsts: the first pieces of its words; begin, end: its own first piece and the one behind it. A
    window in which no word is to be read is left out.
    """
    runs = window_runs(end - begin, room, (room + 1) // 2)
    for run, best in zip(runs, max_context(runs), strict=True):
        shown = Run(begin + run.first, begin + run.last)
        inside = firsts[(firsts >= shown.first) & (firsts <= shown.last)]
        read = inside[best[inside - shown.first]]
        if len(read):
            yield shown, read


def widened(shown: Run, document: Run, room: int) -> Run:
    """A window with as much of its document before and behind it as there is room for.

    Half of the room goes to either side; what one side has no use for, the other gets.
    """
    spare = room - (shown.last - shown.first + 1)
    before, behind = shown.first - document.first, document.last - shown.last
    left = min(before, max(spare // 2, spare - behind))
    right = min(behind, spare - left)
    return Run(shown.first - left, shown.last + right)


def _documents(sentences: Sequence[Sentence], ends: NDArray[np.int64]) -> list[Run]:
    """For every sentence the pieces of its document; ends: between which its own stand."""
    numbers = np.array([sentence.document for sentence in sentences])
    changes = np.flatnonzero(np.diff(numbers)) + 1
    edges = ends[[0, *changes, len(sentences)]]
    document = np.searchsorted(changes, np.arange(len(sentences)), side="right")
    return [Run(int(edges[number]), int(edges[number + 1]) - 1) for number in document]
