"""SQuAD's files and rows: what is read, and what is said of a file that is none."""

import json

import pytest

from minibert.errors import DataError
from minibert.tasks.squad.reading import (
    Answer,
    Question,
    question_with_id,
    questions_from_rows,
    read_squad,
    read_squad_hub,
    read_squad_lines,
)

CONTEXT = "Ada Lovelace wrote notes. Notes were all she wrote."


def official(**changes):
    """A file of one question in the official form, with changes to the question."""
    entry = {
        "id": "q1",
        "question": "What did Ada write?",
        "answers": [{"text": "notes", "answer_start": 19}],
        **changes,
    }
    paragraph = {"context": CONTEXT, "qas": [entry]}
    return {"version": "1.1", "data": [{"title": "Ada", "paragraphs": [paragraph]}]}


def written(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def test_the_sample_files_are_read_whole(root):
    for split, count in (("train", 126), ("dev", 42)):
        path = root / "data" / "squad" / f"{split}-v2.0.json"
        questions = read_squad(path, "2.0")
        entries = [
            (paragraph["context"], entry)
            for article in json.loads(path.read_text("utf-8"))["data"]
            for paragraph in article["paragraphs"]
            for entry in paragraph["qas"]
        ]
        assert len(questions) == count
        for question, (context, entry) in zip(questions, entries, strict=True):
            answers = [Answer(a["text"], a["answer_start"]) for a in entry["answers"]]
            assert question == Question(entry["id"], entry["question"], context, tuple(answers))
            assert bool(question.answers) != entry["is_impossible"]
            assert all(answer.fits(context) for answer in question.answers)


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path):
    path = written(tmp_path / "dev.json", "\ufeff" + json.dumps(official()))
    (question,) = read_squad(path, "1.1")
    assert question == Question("q1", "What did Ada write?", CONTEXT, (Answer("notes", 19),))


@pytest.mark.parametrize(
    ("text", "start", "fits"),
    [("notes", 19, True), ("Notes", 19, False), ("notes", 18, False), ("wrote.", -6, False)],
)
def test_an_answer_that_does_not_fit_is_read_and_says_so(tmp_path, text, start, fits):
    answers = [{"text": text, "answer_start": start}]
    (question,) = read_squad(written(tmp_path / "dev.json", official(answers=answers)), "1.1")
    assert question.answers == (Answer(text, start),)
    assert question.answers[0].fits(CONTEXT) is fits


def at(path, value, tree=None):
    """The file with a value put at a path, such as data 0 paragraphs; DELETE takes it out."""
    tree = official() if tree is None else tree
    *way, last = path
    node = tree
    for step in way:
        node = node[step]
    if value is DELETE:
        del node[last]
    else:
        node[last] = value
    return tree


DELETE = object()
PARAGRAPH = ("data", 0, "paragraphs", 0)
ENTRY = (*PARAGRAPH, "qas", 0)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (at(("data",), DELETE), ": data: missing"),
        (at(("data",), {}), ": data: must be a list, not an object"),
        (at(("data",), []), ": no question in it"),
        ([], ": must be an object, not a list"),
        (at(("data", 0), 7), ": data[0]: must be an object, not 7"),
        (at((*PARAGRAPH, "context"), DELETE), ": data[0].paragraphs[0].context: missing"),
        (at((*PARAGRAPH, "context"), " \n"), ": data[0].paragraphs[0].context: empty"),
        (at((*PARAGRAPH, "qas"), None), ": data[0].paragraphs[0].qas: must be a list, not null"),
        (at((*ENTRY, "id"), 5), ".qas[0].id: must be a text, not 5"),
        (at((*ENTRY, "id"), ""), ".qas[0].id: empty"),
        (at((*ENTRY, "question"), DELETE), ".qas[0].question: missing"),
        (at((*ENTRY, "question"), "\ud800"), ".qas[0].question: half a character"),
        (at((*ENTRY, "answers"), DELETE), ".qas[0].answers: missing"),
        (at((*ENTRY, "answers"), []), ".qas[0].answers: empty; every question of version 1.1"),
        (official(answers=[], is_impossible=True), ".qas[0].answers: empty; every question of ver"),
        (at((*ENTRY, "answers"), {"text": []}), ".answers: must be a list, not an object"),
        (at((*ENTRY, "answers", 0, "text"), ""), ".answers[0].text: empty"),
        (at((*ENTRY, "answers", 0, "answer_start"), "19"), ".answer_start: must be a whole numb"),
        (at((*ENTRY, "answers", 0, "answer_start"), True), ".answer_start: must be a whole numb"),
        (at((*ENTRY, "is_impossible"), True), ".is_impossible: true, and yet there are answers"),
        (
            official(answers=[], is_impossible=False),
            ".is_impossible: false, and yet no answers",
        ),
        (official(is_impossible=0), ".is_impossible: must be true or false, not 0"),
    ],
)
def test_a_fault_is_told_with_the_path_to_it(tmp_path, content, fault):
    path = written(tmp_path / "dev.json", content)
    with pytest.raises(DataError) as told:
        read_squad(path, "1.1")
    assert str(told.value).startswith(str(path))
    assert fault in str(told.value)


@pytest.mark.parametrize("version", ["1.1", "2.0"])
@pytest.mark.parametrize("answers", [DELETE, [], [{"text": "notes", "answer_start": 19}]])
def test_to_be_answered_a_question_needs_no_answers(tmp_path, version, answers):
    path = written(tmp_path / "test.json", at((*ENTRY, "answers"), answers))
    (question,) = read_squad(path, version, labelled=False)
    assert question == Question("q1", "What did Ada write?", CONTEXT, (), known=False)


def test_the_path_counts_articles_paragraphs_and_questions(tmp_path):
    tree = official()
    question = tree["data"][0]["paragraphs"][0]["qas"][0]
    more = [{**question, "id": f"{i}"} for i in range(3)]
    tree["data"] += [
        {"title": "", "paragraphs": [{"context": CONTEXT, "qas": []} for _ in range(3)]}
        for _ in range(3)
    ]
    tree["data"][3]["paragraphs"][1]["qas"] = [*more, {**question, "id": "x", "answers": 3}]
    with pytest.raises(DataError, match=r"data\[3\]\.paragraphs\[1\]\.qas\[3\]\.answers: must be"):
        read_squad(written(tmp_path / "dev.json", tree), "1.1")


def test_an_id_that_comes_twice_is_refused(tmp_path):
    tree = official()
    tree["data"][0]["paragraphs"][0]["qas"] *= 2
    with pytest.raises(DataError, match=r"paragraphs\[0\]\.qas\[1\]: another .* id 'q1' too"):
        read_squad(written(tmp_path / "dev.json", tree), "1.1")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b'{"data": [\n {]}', "no JSON at line 2, column 3"),
        (b"", "the file is empty"),
        (b'{"data": "\xff"}', "line 1: byte 0xff is not UTF-8"),
        (b'{"data": [], "data": []}', "an object names 'data' twice"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(tmp_path, content, fault):
    path = tmp_path / "dev.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=fault):
        read_squad(path, "1.1")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_squad(tmp_path / "dev.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_squad(tmp_path)


def test_a_file_says_its_version_itself_if_nobody_does(tmp_path):
    tree = official(answers=[])
    path = written(tmp_path / "dev.json", tree)
    with pytest.raises(DataError, match=r"version 1\.1"):
        read_squad(path)
    written(path, tree | {"version": "v2.0"})
    assert read_squad(path)[0].answers == ()
    with pytest.raises(DataError, match=r"version 1\.1"):
        read_squad(path, "1.1")


def row_of(question):
    answers = {
        "text": [answer.text for answer in question.answers],
        "answer_start": [answer.start for answer in question.answers],
    }
    texts = {"id": question.id, "context": question.context, "question": question.question}
    return texts | {"title": "", "answers": answers}


def test_rows_of_datasets_give_the_same_questions(root, monkeypatch):
    import datasets

    questions = read_squad(root / "data" / "squad" / "dev-v2.0.json")
    asked = []

    def load_dataset(name, configuration, split):
        asked.append((name, split))
        return datasets.Dataset.from_list([row_of(question) for question in questions])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert read_squad_hub("2.0", "dev") == questions
    assert asked == [("rajpurkar/squad_v2", "validation")]
    with pytest.raises(DataError, match=r"row \d+: answers: empty; every question of version 1"):
        read_squad_hub("1.1", "train")
    assert asked[1] == ("rajpurkar/squad", "train")


def test_without_the_hub_the_error_says_what_to_give(monkeypatch):
    import datasets

    def load_dataset(name, configuration, split):
        raise ConnectionError("no route\nto anywhere")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(DataError, match=r"\(no route\); give --data with train-v1\.1\.json"):
        read_squad_hub("1.1", "train")


def test_bad_rows_are_refused_with_their_number():
    good = row_of(Question("a", "Who?", CONTEXT, (Answer("Ada", 0),)))
    uneven = good | {"id": "b", "answers": {"text": ["Ada"], "answer_start": []}}
    for row, fault in (
        (good, "row 1: another question before has the id 'a' too"),
        (uneven, "row 1: answers: 1 texts, but 0 starts"),
        (good | {"id": "b", "context": ""}, "row 1: context: empty"),
    ):
        with pytest.raises(DataError, match=fault):
            questions_from_rows([good, row], "1.1")


def test_questions_to_answer_come_as_json_lines(tmp_path):
    path = tmp_path / "questions.jsonl"
    lines = [{"question": "Who?", "context": "Ada\u2028did."}, {"question": "W?", "context": "x"}]
    lines[1]["id"] = "w"
    path.write_text("\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n")
    assert read_squad_lines(path) == [
        Question("1", "Who?", "Ada\u2028did.", (), known=False),
        Question("w", "W?", "x", (), known=False),
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"question": "Who?"}', "line 1: context: missing"),
        ('\n{"question": "Who?", "context": " "}', "line 2: context: empty"),
        ('{"question": " ", "context": "x"}', "line 1: question: empty"),
        ("Who?", "line 1: no JSON at line 1, column 1"),
        ("3", "line 1: must be an object, not 3"),
        ('{"question": "a", "context": "b", "id": "2"}\n{"question": "a", "context": "b"}', "'2'"),
        ("\n", "the file is empty"),
    ],
)
def test_bad_lines_are_refused_with_their_number(tmp_path, content, fault):
    with pytest.raises(DataError, match=fault):
        read_squad_lines(written(tmp_path / "questions.jsonl", content))


def test_a_question_is_found_by_its_id():
    questions = [Question(id, "", "", ()) for id in "ab"]
    assert question_with_id(questions, "b") is questions[1]
    with pytest.raises(DataError, match="no question has the id 'c'"):
        question_with_id(questions, "c")
