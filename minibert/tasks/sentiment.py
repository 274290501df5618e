"""Sentiment: IMDb as Maas et al. hand it out, and SST-5 and CFIMDB as lines `label ||| text`.

Source: Maas et al. 2011, "Learning word vectors for sentiment analysis"; Socher et al. 2013 for
SST; the `|||` files are those of CMU's minbert assignment.
"""

import re
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from minibert.errors import DataError
from minibert.tasks.features import Example, Features, Truncation
from minibert.tasks.sequence import SequenceTask
from minibert.tasks.sources import Sources, first_folder, held_out, hub_rows
from minibert.tasks.tsv import decode, read_lines
from minibert.tokenization import BertTokenizer

MOST_BYTES = 1_000_000  # of one review; the longest of IMDb's has 14,000
DEV_SHARE = 0.1  # of the training reviews, where there is no folder `val`
ARCHIVES = (".tar", ".tar.gz", ".tgz")


@dataclass(frozen=True)
class SentimentTask(SequenceTask):
    """What all sentiment tasks share."""

    hub_name: str | None  # its data set there; None: it is not there
    truncation: Truncation = "head"  # what is kept of a text that is too long

    def features(
        self,
        examples: Sequence[Example],
        tokenizer: BertTokenizer,
        max_length: int,
        training: bool = False,
    ) -> Features:
        """The examples as the model takes them, long ones cut as the run's settings say."""
        return Features(examples, tokenizer, max_length, truncation=self.truncation)

    def read_hub(self, split: str) -> list[Example]:
        """A split's examples from the hub, which numbers the classes as we do."""
        instead = "give --data, or --train and --dev"
        if self.hub_name is None:
            raise DataError(f"{self.name} is not on the hub; {instead}")
        rows = hub_rows(self.name, self.hub_name, None, split, instead)
        return [Example(plain(row["text"]), None, int(row["label"])) for row in rows]


@dataclass(frozen=True)
class Lines(SentimentTask):
    """A file for each split, a line `label ||| text` for each example."""

    stem: str = ""  # files are called stem-train.txt, stem-dev.txt, stem-test.txt

    def examples(self, split: str, sources: Sources) -> list[Example]:
        """A split's examples: from its own file, else from the folder, else from the hub."""
        file = sources.file(split)
        if file is not None:
            return self.read(file)
        if sources.data is None:
            return self.read_hub("validation" if split == "dev" else split)
        path = first_folder(sources.data, ("sentiment",)) / f"{self.stem}-{split}.txt"
        if not path.is_file():
            raise DataError(f"{sources.data}: no {path.name} there")
        return self.read(path)

    def read(self, path: Path, labelled: bool = True) -> list[Example]:
        """The examples of one file; without labels, lines of text alone will do."""
        examples = []
        for number, line in enumerate(read_lines(path), 1):
            where = f"{path}, line {number}"
            label, bars, text = line.partition("|||")
            if not labelled:
                examples.append(Example(plain(text if bars else line), None, None))
                continue
            if not bars:
                raise DataError(f"{where}: no '|||' between label and text")
            if not text.strip():
                raise DataError(f"{where}: no text behind '|||'")
            known = list(map(str, range(self.num_labels)))
            if label.strip() not in known:
                raise DataError(f"{where}: label {label.strip()!r} is none of {', '.join(known)}")
            examples.append(Example(plain(text), None, int(label)))
        return examples


class Review(NamedTuple):
    """One review of IMDb's folders."""

    folder: str  # "train", "val" or "test"
    name: str  # "pos/0_9.txt"
    content: bytes


@dataclass(frozen=True)
class Reviews(SentimentTask):
    """IMDb: a folder aclImdb, or the archive of one, with train/pos, train/neg, test/pos, ..."""

    def examples(self, split: str, sources: Sources) -> list[Example]:
        """A split's examples: from its own folder, else from `data`, else from the hub.

        IMDb has no dev set. Where there is no folder `val`, a tenth of the training reviews serves
        as one, always the same.
        """
        file = sources.file(split)
        if file is not None:
            return self.read(file)
        if sources.data is None:
            if split == "test":
                return self.read_hub("test")
            return _part(self.read_hub("train"), split)
        if split == "test":
            return self._labelled(sources.data, list(_reviews(sources.data, {"test"})))
        reviews = list(_reviews(sources.data, {"train", "val"}))
        if not any(review.folder == "val" for review in reviews):
            return _part(self._labelled(sources.data, reviews), split)
        folder = "val" if split == "dev" else "train"
        return self._labelled(sources.data, [r for r in reviews if r.folder == folder])

    def read(self, path: Path, labelled: bool = True) -> list[Example]:
        """The reviews of a folder that holds pos/ and neg/; without labels, a file of lines."""
        if not labelled and path.is_file():
            return [Example(plain(line), None, None) for line in read_lines(path)]
        if not path.is_dir():
            raise DataError(f"{path}: no such folder; it should hold pos/ and neg/")
        return self._labelled(path, list(_folder_reviews(path, path.name)))

    def _labelled(self, where: Path, reviews: list[Review]) -> list[Example]:
        if not reviews:
            raise DataError(f"{where}: no reviews there; aclImdb has train/pos, train/neg, ...")
        examples = []
        for review in sorted(reviews):  # folders and archives have orders of their own
            text = plain(decode(review.content, f"{where}: {review.folder}/{review.name}"))
            if not text:
                raise DataError(f"{where}: {review.folder}/{review.name} is empty")
            examples.append(Example(text, None, int(review.name.startswith("pos/"))))
        return examples


def _part(examples: list[Example], split: str) -> list[Example]:
    """The training or the dev part of the training reviews."""
    held = held_out((example.label for example in examples), DEV_SHARE, seed=0)
    return [e for place, e in enumerate(examples) if (place in held) == (split == "dev")]


def _reviews(data: Path, folders: set[str]) -> Iterator[Review]:
    """The reviews of these folders in `data`: an archive, aclImdb, or what holds one of them."""
    if data.is_file():
        yield from _archived(data, folders)
        return
    root = first_folder(data, ("aclImdb", "imdb"))
    archives = sorted(path for path in root.iterdir() if path.name.endswith(ARCHIVES))
    if (root / "train").is_dir() or not archives:
        for folder in sorted(folders):
            yield from _folder_reviews(root / folder, folder)
        return
    if len(archives) > 1:
        names = ", ".join(path.name for path in archives)
        raise DataError(f"{root}: several archives ({names}); name one as --data")
    yield from _archived(archives[0], folders)


def _folder_reviews(folder: Path, name: str) -> Iterator[Review]:
    for side in ("neg", "pos"):
        for path in folder.glob(f"{side}/*.txt"):
            yield Review(name, f"{side}/{path.name}", path.read_bytes())


def _archived(archive: Path, folders: set[str]) -> Iterator[Review]:
    """Reviews read out of a tar file, of which nothing is written to disk.

    Raises `DataError` for a damaged file, and for an archive with links, absolute names or "..":
    IMDb's has none of them.
    """
    try:
        with tarfile.open(archive, "r:*") as members:
            for member in members:
                parts = PurePosixPath(member.name).parts
                if ".." in parts or parts[:1] == ("/",) or not (member.isfile() or member.isdir()):
                    raise DataError(
                        f"{archive}: {member.name!r} points out of the archive: none of IMDb's"
                    )
                if len(parts) < 3 or parts[-3] not in folders or parts[-2] not in ("pos", "neg"):
                    continue
                if member.size > MOST_BYTES:
                    raise DataError(f"{archive}: {member.name} has {member.size} bytes: no review")
                file = members.extractfile(member)
                if file is not None and parts[-1].endswith(".txt"):
                    yield Review(parts[-3], f"{parts[-2]}/{parts[-1]}", file.read())
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise DataError(f"{archive}: not a whole tar archive ({error})") from error


def plain(text: str) -> str:
    """The text without the line breaks of web pages, which IMDb has kept."""
    return re.sub(r"(<br\s*/?>\s*)+", " ", text).strip()


def task_named(name: str, truncation: Truncation) -> SentimentTask:
    """The task of this name; "sst-5" and "SST5" are the same. Raises `DataError`."""
    two, accuracy = ("negative", "positive"), ("accuracy",)
    five = ("very negative", "negative", "neutral", "positive", "very positive")
    tasks: dict[str, SentimentTask] = {
        "imdb": Reviews("imdb", two, accuracy, "stanfordnlp/imdb", truncation),
        "sst-5": Lines("sst-5", five, accuracy, "SetFit/sst5", truncation, stem="sst"),
        "cfimdb": Lines("cfimdb", two, accuracy, None, truncation, stem="cfimdb"),
    }
    for task in tasks.values():
        if task.name.replace("-", "") == name.lower().replace("-", ""):
            return task
    raise DataError(f"no sentiment task {name!r}; there are {', '.join(tasks)}")
