"""Sentiment: IMDb's folders and archives, lines `label ||| text`, and what long texts keep."""

import io
import tarfile

import datasets
import pytest
from tiny_runs import tiny_tokenizer

from minibert.errors import DataError, TokenizerError
from minibert.tasks.features import Example, Features, cut
from minibert.tasks.sentiment import task_named
from minibert.tasks.sources import Sources

REVIEWS = {
    "train/neg/0_2.txt": "Bad.<br /><br />Very bad.",
    "train/neg/1_1.txt": "Worse.",
    "train/pos/0_9.txt": "Good.",
    "train/pos/1_8.txt": "Caf\u00e9.",
    "test/pos/0_10.txt": "Tested.",
}
TRAIN = ["Bad. Very bad.", "Worse.", "Good.", "Caf\u00e9."]
VAL = {"val/pos/3_7.txt": "Fine."}


def refusal(call, *arguments):
    with pytest.raises(DataError) as error:
        call(*arguments)
    return str(error.value)


def folder(path, reviews):
    for name, text in reviews.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, encoding="utf-8")
    return path


def archive(path, reviews, *members):
    """A tar.gz with these reviews, in an order that is not theirs, and other members."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in reversed(reviews.items()):
            member = tarfile.TarInfo(f"data/aclImdb/{name}")
            content = text if isinstance(text, bytes) else text.encode()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in members:
            tar.addfile(member)
    return path


@pytest.fixture(params=["folder", "root", "archive", "folder of an archive"])
def imdb(request, tmp_path):
    """A function that lays out reviews in each of the ways they come."""

    def lay_out(reviews):
        if request.param == "folder":
            return folder(tmp_path, reviews)
        if request.param == "root":
            return folder(tmp_path / "aclImdb", reviews).parent
        path = archive(tmp_path / "aclImdb_v1.tar.gz", reviews)
        return path if request.param == "archive" else tmp_path

    return lay_out


class TestImdb:
    task = task_named("imdb", "head")

    def test_train_dev_and_test(self, imdb):
        sources = Sources(imdb(REVIEWS | VAL))

        assert self.task.examples("train", sources) == [
            Example(text, None, label) for text, label in zip(TRAIN, (0, 0, 1, 1), strict=True)
        ]
        assert self.task.examples("dev", sources) == [Example("Fine.", None, 1)]
        assert self.task.examples("test", sources) == [Example("Tested.", None, 1)]

    def test_without_a_folder_val_a_tenth_is_held_out(self, imdb):
        many = {
            f"train/{side}/{n}_5.txt": f"{side} {n}" for side in ("neg", "pos") for n in range(20)
        }
        sources = Sources(imdb(many))

        train, dev = (self.task.examples(split, sources) for split in ("train", "dev"))

        assert [example.label for example in dev] == [0, 0, 1, 1]
        assert sorted(e.text for e in train + dev) == sorted(many.values())
        assert dev == self.task.examples("dev", sources)

    def test_one_folder_may_be_given_by_itself(self, tmp_path):
        folder(tmp_path, REVIEWS)

        examples = self.task.examples("dev", Sources(dev=tmp_path / "test"))

        assert examples == [Example("Tested.", None, 1)]

    def test_an_empty_folder(self, tmp_path):
        assert "no reviews there" in refusal(self.task.examples, "train", Sources(tmp_path))
        assert "no such folder" in refusal(self.task.read, tmp_path / "nowhere")

    def test_bytes_that_are_not_utf_8_are_named_with_their_file(self, tmp_path):
        path = archive(tmp_path / "a.tgz", {"train/pos/7_9.txt": b"one\ncaf\xe9"})

        assert refusal(self.task.examples, "train", Sources(path)) == (
            f"{path}: train/pos/7_9.txt, line 2: byte 0xe9 is not UTF-8; save the file as UTF-8"
        )

    @pytest.mark.parametrize(
        ("name", "kind", "target"),
        [
            ("/etc/cron.d/x.txt", tarfile.REGTYPE, ""),
            ("aclImdb/../../x.txt", tarfile.REGTYPE, ""),
            ("aclImdb/train/pos/9_9.txt", tarfile.SYMTYPE, "/etc/passwd"),
            ("aclImdb/train/pos/9_9.txt", tarfile.LNKTYPE, "aclImdb/train/pos/0_9.txt"),
            ("aclImdb/train/pos/9_9.txt", tarfile.FIFOTYPE, ""),
        ],
    )
    def test_hostile_members_are_refused_and_nothing_is_written(
        self, tmp_path, name, kind, target, monkeypatch
    ):
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        path = archive(tmp_path / "a.tar.gz", REVIEWS, member)
        monkeypatch.chdir(tmp_path)

        message = refusal(self.task.examples, "train", Sources(path))

        assert message == f"{path}: {name!r} points out of the archive: none of IMDb's"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_huge_member_is_refused(self, tmp_path):
        path = archive(tmp_path / "a.tgz", {"train/pos/7_9.txt": b"x" * 1_000_001})

        assert "has 1000001 bytes: no review" in refusal(self.task.examples, "train", Sources(path))

    @pytest.mark.parametrize("damage", ["empty", "none", "cut short", "flipped"])
    def test_a_damaged_archive(self, tmp_path, damage):
        path = archive(tmp_path / "a.tgz", REVIEWS)
        whole = path.read_bytes()
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes(b ^ 255 for b in whole[middle : middle + 40])
        contents = {"empty": b"", "none": b"no archive", "cut short": whole[:-40]}
        path.write_bytes(contents.get(damage, flipped + whole[middle + 40 :]))

        assert refusal(self.task.examples, "train", Sources(path)).startswith(
            f"{path}: not a whole tar archive ("
        )


class TestLines:
    @pytest.fixture
    def file(self, tmp_path):
        def write(*lines, name="sst-dev.txt"):
            path = tmp_path / name
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            return path

        return write

    def test_labels_and_texts(self, file):
        path = file("3 ||| A fine film .", "0 ||| Not so || fine .")

        assert task_named("SST5", "head").examples("dev", Sources(path.parent)) == [
            Example("A fine film .", None, 3),
            Example("Not so || fine .", None, 0),
        ]

    @pytest.mark.parametrize(
        ("line", "complaint"),
        [
            ("A fine film .", "no '|||' between label and text"),
            ("5 ||| Too good .", "label '5' is none of 0, 1, 2, 3, 4"),
            ("3 ||| ", "no text behind '|||'"),
        ],
    )
    def test_what_is_refused(self, file, line, complaint):
        path = file("3 ||| A fine film .", line)

        assert refusal(task_named("sst-5", "head").read, path) == f"{path}, line 2: {complaint}"

    def test_without_labels_lines_of_text_will_do(self, file):
        examples = task_named("cfimdb", "head").read(file("1 ||| One", "Two"), labelled=False)

        assert examples == [Example("One", None, None), Example("Two", None, None)]

    def test_a_missing_file(self, tmp_path):
        assert refusal(task_named("cfimdb", "head").examples, "dev", Sources(tmp_path)) == (
            f"{tmp_path}: no cfimdb-dev.txt there"
        )

    @pytest.mark.real
    @pytest.mark.parametrize(
        ("name", "split", "counts"),
        [
            ("sst-5", "train", [1_092, 2_218, 1_624, 2_322, 1_288]),
            ("sst-5", "dev", [139, 289, 229, 279, 165]),
            ("cfimdb", "train", [856, 851]),
            ("cfimdb", "dev", [123, 122]),
        ],
    )
    def test_the_real_files(self, real_data, name, split, counts):
        examples = task_named(name, "head").examples(split, Sources(real_data))

        labels = [example.label for example in examples]
        assert [labels.count(label) for label in range(len(counts))] == counts


class TestHub:
    @pytest.fixture
    def asked(self, monkeypatch):
        calls = []

        def load_dataset(path, name, split):
            calls.append((path, name, split))
            rows = {"text": ["Good.<br />Yes."] * 20, "label": [1] * 20}
            return datasets.Dataset.from_dict(rows)

        monkeypatch.setattr(datasets, "load_dataset", load_dataset)
        return calls

    def test_imdb_has_no_dev_set_there(self, asked):
        task = task_named("imdb", "head")

        sizes = [len(task.examples(split, Sources())) for split in ("train", "dev", "test")]

        assert sizes == [18, 2, 20]
        assert asked == [("stanfordnlp/imdb", None, split) for split in ("train", "train", "test")]

    def test_sst_5_has_one(self, asked):
        assert task_named("sst-5", "head").examples("dev", Sources())[0].text == "Good. Yes."
        assert asked == [("SetFit/sst5", None, "validation")]

    def test_cfimdb_is_not_there(self, asked):
        assert "not on the hub" in refusal(task_named("cfimdb", "head").examples, "dev", Sources())


def test_an_unknown_task_names_the_known_ones():
    assert refusal(task_named, "yelp", "head") == (
        "no sentiment task 'yelp'; there are imdb, sst-5, cfimdb"
    )


class TestTruncation:
    @pytest.mark.parametrize("truncation", ["head", "tail", "head-tail"])
    @pytest.mark.parametrize("length", [2, 9, 10])
    def test_what_fits_stays_whole(self, truncation, length):
        ids = list(range(length))

        assert cut(ids, 10, truncation) == ids

    def test_512_pieces_are_cut_as_in_the_paper(self):
        """Sun et al. 2019: the first 128 and the last 382 of the text's own pieces."""
        ids = ["[CLS]", *range(1000), "[SEP]"]

        assert cut(ids, 512, "head") == ["[CLS]", *range(510), "[SEP]"]
        assert cut(ids, 512, "tail") == ["[CLS]", *range(490, 1000), "[SEP]"]
        assert cut(ids, 512, "head-tail") == ["[CLS]", *range(128), *range(618, 1000), "[SEP]"]

    def test_shorter_lengths_keep_the_proportion(self):
        kept = cut(["[CLS]", *range(1000), "[SEP]"], 130, "head-tail")

        assert kept == ["[CLS]", *range(32), *range(904, 1000), "[SEP]"]

    def test_no_room(self):
        with pytest.raises(TokenizerError, match="max_length 2 is too short"):
            cut([1, 2, 3], 2, "tail")

    @pytest.mark.parametrize(
        ("truncation", "kept"),
        [("head", "good good bad"), ("tail", "bad film film"), ("head-tail", "bad film film")],
    )
    def test_features_are_cut_so_and_counted(self, truncation, kept):
        tokenizer = tiny_tokenizer()
        task = task_named("imdb", truncation)
        examples = [Example("good good bad film film", None, 1), Example("good", None, 1)]

        features = task.features(examples, tokenizer, 5)

        inputs = features.batch([0]).inputs
        assert inputs["input_ids"].tolist() == [tokenizer.encode(kept).ids]
        assert inputs["token_type_ids"].tolist() == [[0] * 5]
        assert features.truncated == 1

    def test_head_is_what_everybody_else_does(self):
        tokenizer, examples = tiny_tokenizer(), [Example("good good bad film film", None, 1)]

        ours = task_named("imdb", "head").features(examples, tokenizer, 5)

        assert ours.ids.tolist() == Features(examples, tokenizer, 5).ids.tolist()
