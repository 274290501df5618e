"""The sample data in `data/`: its form, its offsets, and that it is neither easy nor a template."""

import csv
import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

DATA = Path(__file__).parent.parent / "data"
FILES = sorted(file for file in DATA.rglob("*") if file.is_file())

MNLI = (
    "index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse "
    "sentence2_parse sentence1 sentence2"
).split()
STSB = "index genre filename year old_index source1 source2 sentence1 sentence2".split()
MRPC = ["#1 ID", "#2 ID", "#1 String", "#2 String"]
FIVE = [f"label{i}" for i in range(1, 6)]
WORDS = {"entailment", "neutral", "contradiction"}
# file: (header, rows, legal labels of the last column but for MRPC, where it is the first)
GLUE = {
    "SST-2/train": (["sentence", "label"], 300, {"0", "1"}),
    "SST-2/dev": (["sentence", "label"], 100, {"0", "1"}),
    "SST-2/test": (["index", "sentence"], 20, None),
    "MRPC/train": (["Quality", *MRPC], 120, {"0", "1"}),
    "MRPC/dev": (["Quality", *MRPC], 40, {"0", "1"}),
    "MRPC/test": (["index", *MRPC], 15, None),
    "STS-B/train": ([*STSB, "score"], 100, None),
    "STS-B/dev": ([*STSB, "score"], 30, None),
    "STS-B/test": (STSB, 15, None),
    "MNLI/train": ([*MNLI, "label1", "gold_label"], 120, WORDS),
    "MNLI/dev_matched": ([*MNLI, *FIVE, "gold_label"], 20, WORDS),
    "MNLI/dev_mismatched": ([*MNLI, *FIVE, "gold_label"], 20, WORDS),
    "MNLI/test_matched": (MNLI, 9, None),
    "MNLI/test_mismatched": (MNLI, 9, None),
}
TEXTS = {"sentence", "sentence1", "sentence2", "#1 String", "#2 String"}
GENRES = {
    "matched": {"fiction", "government", "telephone", "travel", "essays"},
    "mismatched": {"reports", "letters", "face-to-face", "guides"},
}


def rows_of(name):
    """The rows of a GLUE file as dictionaries, read without any quoting, as GLUE wants it."""
    text = (DATA / "glue" / f"{name}.tsv").read_text(encoding="utf-8-sig")
    header, *rows = (line.split("\t") for line in text.removesuffix("\n").split("\n"))
    return [dict(zip(header, row, strict=True)) for row in rows]


def texts_of(name):
    return [tuple(row[field] for field in row if field in TEXTS) for row in rows_of(name)]


def squad(split):
    content = json.loads((DATA / "squad" / f"{split}-v2.0.json").read_text(encoding="utf-8"))
    assert content["version"] == "v2.0"
    return content["data"]


def paragraphs(split):
    return [paragraph for article in squad(split) for paragraph in article["paragraphs"]]


def questions(split):
    return [question for paragraph in paragraphs(split) for question in paragraph["qas"]]


def documents(split):
    """[[sentence]] of [(word, part of speech, chunk, entity)], split at -DOCSTART- lines."""
    text = (DATA / "ner" / f"{split}.txt").read_text(encoding="utf-8")
    found = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        lines = [tuple(line.split(" ")) for line in block.split("\n")]
        if lines == [("-DOCSTART-", "-X-", "O", "O")]:
            found.append([])
        else:
            found[-1].append(lines)
    return found


def sentences(split):
    return [sentence for document in documents(split) for sentence in document]


def prose():
    return {file.name: file.read_text("utf-8") for file in sorted((DATA / "prose").glob("*.txt"))}


def in_sentences(text):
    return re.split(r"(?<=[.?!])\s+", text)


def most_repeated(texts, length=5):
    """How many different texts share one run of `length` words, and which run."""
    counts = Counter()
    for text in set(texts):
        words = re.findall(r"[\w']+", text.lower())
        counts.update({tuple(words[i : i + length]) for i in range(len(words) - length + 1)})
    return counts.most_common(1)[0]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(DATA)))
def test_every_file_is_plain_text(file):
    content = file.read_bytes()
    text = content.decode("utf-8")
    # GLUE's own MRPC files begin with a byte order mark, all but its test file; nothing else does.
    mark = file.parent.name == "MRPC" and file.stem != "test"
    assert content.startswith(b"\xef\xbb\xbf") == mark
    assert "\r" not in text
    assert "\x00" not in text
    assert "\ufffd" not in text
    assert text.endswith("\n")
    assert file.suffix == ".md" or not any(line != line.rstrip() for line in text.split("\n"))


def test_every_file_is_known():
    known = {f"glue/{name}.tsv" for name in GLUE}
    known |= {f"squad/{split}-v2.0.json" for split in ("train", "dev")}
    known |= {f"ner/{split}.txt" for split in ("train", "dev")}
    known |= {f"prose/{name}" for name in prose()} | {"README.md"}
    assert {str(file.relative_to(DATA)) for file in FILES} == known


@pytest.mark.parametrize("name", GLUE)
def test_glue_files_have_glues_own_form(name):
    header, count, labels = GLUE[name]
    rows = rows_of(name)
    assert list(rows[0]) == header
    assert len(rows) == count
    for number, row in enumerate(rows):
        for field in TEXTS & set(row):
            assert row[field] == row[field].strip()
            assert len(row[field].split()) >= 3
            assert "  " not in row[field]
        assert row.get("index", str(number)) == str(number)
    if labels is not None:
        column = "Quality" if "Quality" in header else header[-1]
        counts = Counter(row[column] for row in rows)
        assert set(counts) == labels
        assert max(counts.values()) / count <= 0.62  # who always says the same is mostly wrong


def test_glue_files_may_be_read_with_or_without_quoting():
    """No text begins with a quotation mark, so a reader that minds quotes sees the same rows."""
    for name in GLUE:
        file = DATA / "glue" / f"{name}.tsv"
        with file.open(encoding="utf-8-sig", newline="") as lines:
            assert list(csv.DictReader(lines, delimiter="\t")) == rows_of(name)


@pytest.mark.parametrize("task", ["SST-2", "MRPC", "STS-B", "MNLI"])
def test_no_glue_example_occurs_twice(task):
    names = [name for name in GLUE if name.startswith(task)]
    seen = Counter(texts for name in names for texts in texts_of(name))
    assert max(seen.values()) == 1
    # Not even one half of a pair is shared: between splits, the text would give itself away.
    split = {}
    for name in names:
        for texts in texts_of(name):
            for text in texts:
                assert split.setdefault(text.lower(), name) == name


def test_pairs_are_pairs_with_numbers_of_their_own():
    for task in ("MRPC", "STS-B"):
        for name in GLUE:
            if name.startswith(task):
                assert all(first != second for first, second in texts_of(name))
    rows = [row for name in GLUE if name.startswith("MRPC") for row in rows_of(name)]
    numbers = [row[field] for row in rows for field in ("#1 ID", "#2 ID")]
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"\d{6,7}", number) for number in numbers)


def test_paraphrases_cannot_be_told_by_shared_words_alone():
    """The best threshold on word overlap stays well below what a model should reach."""
    rows = rows_of("MRPC/train") + rows_of("MRPC/dev")
    scored = []
    for row in rows:
        first, second = (set(re.findall(r"\w+", row[f"#{i} String"].lower())) for i in (1, 2))
        scored.append((len(first & second) / len(first | second), row["Quality"] == "1"))
    best = max(
        sum((overlap >= threshold) == same for overlap, same in scored) / len(scored)
        for threshold, _ in scored
    )
    assert best <= 0.7


@pytest.mark.parametrize("split", ["train", "dev"])
def test_scores_fill_the_whole_range(split):
    scores = [row["score"] for row in rows_of(f"STS-B/{split}")]
    assert all(re.fullmatch(r"\d\.\d{3}", score) for score in scores)
    values = [float(score) for score in scores]
    assert min(values) == 0
    assert max(values) == 5
    for low in range(5):
        assert sum(low <= value <= low + 1 for value in values) >= len(values) / 10


def test_entailment_has_its_genres_and_votes():
    premises = {}
    for name in GLUE:
        if name.startswith("MNLI"):
            genres = GENRES["mismatched" if name.endswith("mismatched") else "matched"]
            rows = rows_of(name)
            assert {row["genre"] for row in rows} <= genres
            premises[name] = {row["sentence1"] for row in rows}
            for row in rows:
                assert row["pairID"][:-1] == row["promptID"]
                assert row["pairID"][-1] == row.get("gold_label", "x")[0]
                votes = Counter(row[label] for label in FIVE if label in row)
                assert set(votes) <= WORDS
                # Five votes in dev, one in train, none in test.
                assert votes.total() in (0, 1, 5)
                assert not votes or votes[row["gold_label"]] > votes.total() / 2


def test_squad_answers_stand_where_they_are_said_to_stand():
    for split in ("train", "dev"):
        for paragraph in paragraphs(split):
            context = paragraph["context"]
            for question in paragraph["qas"]:
                assert question["is_impossible"] == (not question["answers"])
                assert question["is_impossible"] == ("plausible_answers" in question)
                for answer in question["answers"] + question.get("plausible_answers", []):
                    text, start = answer["text"], answer["answer_start"]
                    assert context[start : start + len(text)] == text
                    assert text == text.strip()
                    assert text


def test_squad_has_its_size_and_no_text_twice():
    everything = [*paragraphs("train"), *paragraphs("dev")]
    asked = [*questions("train"), *questions("dev")]
    assert len(everything) == len({paragraph["context"] for paragraph in everything}) == 24
    assert all(80 <= len(paragraph["context"].split()) <= 150 for paragraph in everything)
    assert len(asked) >= 140
    assert len({question["id"] for question in asked}) == len(asked)
    assert all(re.fullmatch("[0-9a-f]{24}", question["id"]) for question in asked)
    assert len({question["question"] for question in asked}) == len(asked)
    assert all(question["question"].endswith("?") for question in asked)
    for split in ("train", "dev"):
        impossible = [question["is_impossible"] for question in questions(split)]
        assert 0.22 <= sum(impossible) / len(impossible) <= 0.28


def test_squad_is_split_by_article():
    train, dev = ({article["title"] for article in squad(split)} for split in ("train", "dev"))
    assert len(train) == 9
    assert len(dev) == 3
    assert not train & dev
    several = [len(q["answers"]) for q in questions("dev") if not q["is_impossible"]]
    assert max(several) >= 3  # dev has several annotators' answers, as SQuAD's own
    assert all(len(question["answers"]) <= 1 for question in questions("train"))


def test_entities_are_legal_iob2_in_four_columns():
    for split in ("train", "dev"):
        for sentence in sentences(split):
            assert all(len(columns) == 4 for columns in sentence)
            assert all(word and not word.isspace() for word, *_ in sentence)
            for column, kinds in (
                (2, r"[A-Z]+"),
                (3, r"PER|ORG|LOC|MISC"),
            ):
                tags = ["O", *(columns[column] for columns in sentence)]
                for before, tag in pairwise(tags):
                    assert re.fullmatch(rf"O|[BI]-(?:{kinds})", tag)
                    assert not tag.startswith("I-") or before[1:] == tag[1:], sentence


def test_entities_have_their_size_and_mixture():
    assert (len(sentences("train")), len(sentences("dev"))) == (150, 50)
    for split in ("train", "dev"):
        tags = [columns[3] for sentence in sentences(split) for columns in sentence]
        begun = Counter(tag[2:] for tag in tags if tag.startswith("B-"))
        assert set(begun) == {"PER", "ORG", "LOC", "MISC"}
        assert min(begun.values()) / sum(begun.values()) >= 0.1
    seen = [" ".join(columns[0] for columns in s) for x in ("train", "dev") for s in sentences(x)]
    assert len(set(seen)) == len(seen)


def test_no_entity_tag_can_be_read_off_the_word_alone():
    """At least ten words are one kind of entity here and another, or none, elsewhere."""
    kinds = {}
    for split in ("train", "dev"):
        for sentence in sentences(split):
            for word, _, _, tag in sentence:
                if word[0].isupper():
                    kinds.setdefault(word, set()).add(tag[2:])
    assert sum(len(tags) >= 2 for tags in kinds.values()) >= 10


def test_prose_is_long_enough_and_in_paragraphs():
    assert sum(len(text.encode()) for text in prose().values()) >= 60_000
    for name, text in prose().items():
        title, *body = text.removesuffix("\n").split("\n\n")
        assert len(title) <= 60, name
        assert len(body) >= 10, name
        assert all("\n" not in paragraph and paragraph for paragraph in [title, *body]), name
        assert len(set(body)) == len(body), name


def repeated():
    for task in ("SST-2", "MRPC", "STS-B", "MNLI"):
        names = [name for name in GLUE if name.startswith(task)]
        yield task, [text for name in names for pair in texts_of(name) for text in pair]
    both = ("train", "dev")
    yield "squad questions", [q["question"] for split in both for q in questions(split)]
    yield (
        "squad contexts",
        [s for split in both for p in paragraphs(split) for s in in_sentences(p["context"])],
    )
    yield "ner", [" ".join(c[0] for c in s) for split in both for s in sentences(split)]
    yield "prose", [s for text in prose().values() for s in in_sentences(text)]


def test_nothing_is_filled_into_a_template():
    """No five words in a row occur in more than four different sentences (measured: 1 to 4).

    The most frequent are what any writer repeats, such as "at the mouth of the", and the subjects
    of MRPC, whose pairs tell one story in two ways.
    """
    for name, texts in repeated():
        run, count = most_repeated(texts)
        assert count <= 4, f"{name}: {' '.join(run)!r} in {count} sentences"
    filled = [f"Is it one of the {word}?" for word in "best worst odd dear old".split()]
    assert most_repeated(filled) == (("is", "it", "one", "of", "the"), 5)


def test_the_readme_counts_right():
    text = (DATA / "README.md").read_text(encoding="utf-8")
    assert "CC0 1.0" in text
    table = {
        cells[0].split("/")[1 if "glue/" in cells[0] else 0].strip(" `"): cells[2:]
        for cells in (line.strip("| \n").split(" | ") for line in text.split("\n"))
        if cells[0].startswith("`")
    }
    counts = {task: ["", "", ""] for task in ("SST-2", "MRPC", "STS-B", "MNLI")}
    for name, (_, count, _) in GLUE.items():
        task, file = name.split("/")
        place = ("train", "dev", "test").index(file.split("_")[0])
        before = counts[task][place]
        counts[task][place] = f"{before} + {count}" if before else str(count)
    for task, said in counts.items():
        assert [cell.strip() for cell in table[task]] == said
    assert table["squad"][:2] == [str(len(questions(split))) for split in ("train", "dev")]
    assert table["ner"][:2] == [str(len(sentences(split))) for split in ("train", "dev")]
    size = sum(len(text.encode()) for text in prose().values())
    assert f"{size / 1000:.0f} kB" in text
