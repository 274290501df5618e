"""Texts as numbers: tokenized once, kept without padding, and cut into batches.

A batch can be had packed, its texts end to end, which is what training and evaluation compute with;
or padded, in rows of one length, which is easier to look at, and what other libraries take.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from minibert.errors import TokenizerError
from minibert.tokenization import BertTokenizer

Truncation = Literal["head", "tail", "head-tail"]


class Example(NamedTuple):
    """A text, or a pair, as it stands in a file."""

    text: str
    pair: str | None
    label: int | float | None  # class number or score; None where it is not known


class Batch(NamedTuple):
    """Some examples as the model takes them, by the names of its arguments.

    Padded: input_ids, token_type_ids, attention_mask, (B, S) each. Packed: input_ids and
    token_type_ids (T,), cu_seqlens (B + 1,), max_seqlen (a number).
    """

    inputs: dict[str, Any]
    # (B,), or first and last (B, 2), or one for every position (B, S), packed (T,)
    labels: Tensor | None

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        inputs = {
            name: value.to(device) if isinstance(value, Tensor) else value
            for name, value in self.inputs.items()
        }
        return Batch(inputs, None if self.labels is None else self.labels.to(device))


class Features:
    """The word-piece ids of many examples, tokenized once and kept end to end without padding."""

    def __init__(
        self,
        examples: Sequence[Example],
        tokenizer: BertTokenizer,
        max_length: int,
        at_once: int = 4096,
        truncation: Truncation = "head",
    ):
        """Of examples longer than max_length `truncation` says what is kept (see `cut`).

        `truncated` counts them. Pairs are always cut at their ends, the longer text first.
        """
        ids, segments, lengths = [], [], []
        self.truncated = 0
        self.max_length = max_length
        self.pad_id = tokenizer.pad_id
        for start in range(0, len(examples), at_once):
            some = examples[start : start + at_once]
            pairs = None if some[0].pair is None else [example.pair or "" for example in some]
            most = max_length if truncation == "head" else None
            for encoding in tokenizer.encode_batch([e.text for e in some], pairs, most):
                kept = cut(encoding.ids, max_length, truncation)
                ids.append(np.array(kept, dtype=np.int32))
                segments.append(np.array(encoding.type_ids[: len(kept)], dtype=np.int8))
                lengths.append(len(kept))
                self.truncated += bool(encoding.overflowing) or len(kept) < len(encoding.ids)
        self.ids, self.segments = np.concatenate(ids), np.concatenate(segments)
        self.lengths = np.array(lengths)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)])
        labels = [example.label for example in examples]
        self.labels = None if None in labels else torch.tensor(labels)

    def __len__(self) -> int:
        return len(self.lengths)

    def report(self) -> str:
        """How many examples there are, and how many of them were cut."""
        cut = f", {self.truncated} of them cut to {self.max_length} word pieces"
        return f"{len(self)} examples{cut if self.truncated else ''}"

    def batch(self, rows: Sequence[int]) -> Batch:
        """These examples in rows, padded on the right to the longest of them."""
        return Batch(self.padded_inputs(rows), self._labels(rows))

    def packed(self, rows: Sequence[int]) -> Batch:
        """These examples end to end: no padding, and nothing to be computed for it."""
        return Batch(self.packed_inputs(rows), self._labels(rows))

    def _labels(self, rows: Sequence[int]) -> Tensor | None:
        return None if self.labels is None else self.labels[list(rows)]

    def packed_inputs(self, rows: Sequence[int]) -> dict[str, Any]:
        """What the model takes of a packed batch."""
        lengths = self.lengths[list(rows)]
        places = np.concatenate([np.arange(*self.starts[row : row + 2]) for row in rows])
        return {
            "input_ids": torch.from_numpy(self.ids[places]).long(),
            "token_type_ids": torch.from_numpy(self.segments[places]).long(),
            "cu_seqlens": torch.tensor([0, *lengths.cumsum()], dtype=torch.int32),
            "max_seqlen": int(lengths.max()),
        }

    def padded_inputs(self, rows: Sequence[int]) -> dict[str, Any]:
        """What the model takes of a padded batch."""
        longest = int(self.lengths[list(rows)].max())
        ids = np.full((len(rows), longest), self.pad_id, dtype=np.int64)
        segments = np.zeros_like(ids)
        mask = np.zeros_like(ids)
        for line, row in enumerate(rows):
            length, start = self.lengths[row], self.starts[row]
            ids[line, :length] = self.ids[start : start + length]
            segments[line, :length] = self.segments[start : start + length]
            mask[line, :length] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": segments}
        return {name: torch.from_numpy(value) for name, value in inputs.items()}


def cut(ids: list[int], max_length: int, truncation: Truncation) -> list[int]:
    """The ids of one text, at most max_length of them, [CLS] and [SEP] kept.

    "head" keeps the beginning, "tail" the end, "head-tail" a quarter of the beginning and three
    quarters of the end: of 512 pieces the first 128 and the last 382 between the special tokens.
    Source: Sun et al. 2019, "How to fine-tune BERT for text classification?", section 5.3.1.
    """
    if len(ids) <= max_length:
        return ids
    room = max_length - 2
    if room < 1:
        raise TokenizerError(f"max_length {max_length} is too short: 3 at least")
    head = {"head": room, "tail": 0, "head-tail": room * 128 // 510}[truncation]
    first, pieces, last = ids[0], ids[1:-1], ids[-1]
    return [first, *pieces[:head], *pieces[len(pieces) - (room - head) :], last]
