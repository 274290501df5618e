"""One file is graded: what each kind of failure says, what is caught, and what is let through."""

import os
from pathlib import Path

import pocket
import pytest
import torch

from minibert.course import child, process
from minibert.course.calling import ReadyMade, call
from minibert.course.exercise import Exercise, Mistake, Probe
from minibert.course.grader import Grader, learners, read
from minibert.course.judging import Judge, judge
from minibert.course.process import Limits
from minibert.course.report import Report
from minibert.course.syllabus import chapter_of
from minibert.course.values import Other, pack, read_arrays, same, snapshot, unpack
from minibert.errors import MinibertError
from minibert.model import functional


@pytest.fixture(scope="module")
def grader():
    return Grader(pocket.EXERCISES, seed=3, limits=Limits(seconds=5, megabytes=1024))


@pytest.fixture(scope="module")
def soft():
    return Judge(pocket.MASKED_SOFTMAX, 0)


def graded(grader, folder, text):
    """{exercise: mark} for a file with this text."""
    file = folder / "my_03.py"
    file.write_text(text, encoding="utf-8")
    return {mark.exercise.name: mark for mark in grader.grade(file).marks}


def test_right_answers_pass_and_are_worth_their_points(grader, tmp_path):
    marks = graded(grader, tmp_path, pocket.SOLUTION)
    assert [mark.points for mark in marks.values()] == [3, 2, 1]
    assert not any(mark.failure for mark in marks.values())


def test_a_wrong_answer_is_told_what_it_is_and_where(grader, tmp_path):
    wrong = """
import torch
def masked_softmax(scores, mask):
    return torch.exp(scores) / torch.exp(scores).sum(-1, keepdim=True) * mask
def count_word(text):
    return {}
def mean_and_largest(values):
    print("so far so good")
    return helper(values)
def helper(values):
    return sum(values) / len(values), max(values)
"""
    marks = graded(grader, tmp_path, wrong)
    soft = marks["masked_softmax"]
    assert soft.failure.kind == "wrong values"
    assert soft.failure.probe == "float64"
    assert "scores (2, 3, 4, 5), mask (2, 1, 1, 5)" in soft.failure.details[0]
    assert [cause.name for cause in soft.diagnosis.causes] == ["mask-after"]
    assert soft.diagnosis.whole
    missing = marks["count_words"].failure
    assert missing.kind == "no such function"
    assert "did you mean count_word?" in missing.message
    raised = marks["mean_and_largest"].failure
    assert (raised.kind, raised.probe) == ("raises", "none at all")
    assert raised.message == "ZeroDivisionError: division by zero"
    assert raised.details == (
        "line 9, in mean_and_largest: return helper(values)",
        "line 11, in helper: return sum(values) / len(values), max(values)",
    )


def test_a_syntax_error_shows_its_line(grader, tmp_path):
    marks = graded(grader, tmp_path, "import torch\n\ndef count_words(text:\n    pass\n")
    for mark in marks.values():
        assert mark.failure.kind == "syntax error"
        assert mark.failure.message.startswith("line 3: ")
        assert mark.failure.details == ("def count_words(text:",)


@pytest.mark.parametrize(
    ("module", "own"),
    [("my_04", True), ("anna04", True), ("my_file_3.helpers", True), ("h5", False)],
)
def test_a_module_of_the_learner_s_own_is_to_be_copied(grader, tmp_path, module, own):
    file = tmp_path / "anna03.py"
    for text in (f"from {module} import f\n", f"def count_words(text):\n    import {module}\n"):
        file.write_text(text)
        failure = grader.grade(file).marks[1].failure
        top = module.partition(".")[0]
        advice = "; a file is graded by itself: copy the functions into it" if own else ""
        assert failure.message == f"ModuleNotFoundError: No module named '{top}'{advice}"


@pytest.mark.parametrize(
    ("text", "message", "detail"),
    [
        ("def f(:\n", "line 1: ", "def f(:"),
        ("1 / 0\n", "ZeroDivisionError: division by zero", "line 1, in <module>: 1 / 0"),
        ("while True: pass\n", "not done after 1 seconds while the file was loaded", ""),
        ("def f(): pass\n", "", ""),  # other functions are missing: no failure of the file
    ],
)
def test_a_file_that_fails_as_a_whole_says_so_once(text, message, detail, tmp_path):
    file = tmp_path / "my_03.py"
    file.write_text(text)
    grade = Grader(pocket.EXERCISES, limits=Limits(seconds=1)).grade(file)
    shown = str(Report(chapter_of("03"), (grade,), 1))
    assert all(mark.failure for mark in grade.marks)
    if message:
        assert {mark.failure for mark in grade.marks} == {grade.failure}
        assert shown.count(f"  the file as a whole fails: {message}") == 1
        assert shown.count(message) == 1
        assert detail in shown
        assert "Read " not in shown
    else:
        assert grade.failure is None
        assert shown.count("the file has no function") == len(pocket.EXERCISES)


def test_a_file_that_cannot_be_read_says_so_once(grader, tmp_path):
    shown = str(Report(chapter_of("03"), (grader.grade(tmp_path / "none.py"),), 1))
    assert shown.count("this is no file") == 1


@pytest.mark.parametrize(
    "cheat",
    [
        "from minibert.model.functional import masked_softmax",
        "from minibert.model import functional\nmasked_softmax = functional.masked_softmax",
        "import minibert.model.attention\nfrom minibert.model import functional as f\n"
        "masked_softmax = lambda scores, mask: f.masked_softmax(scores, mask)",
        "import torch\nmasked_softmax = lambda scores, mask: torch.softmax(scores, -1)",
        "import torch\nmasked_softmax = lambda scores, mask: scores.softmax(-1)",
        "import torch\nsoft = torch.nn.Softmax(-1)\nmasked_softmax = lambda s, mask: soft(s)",
        "import torch\nmasked_softmax = lambda s, mask: torch.ops.aten._softmax(s, -1, False)",
        "import torch\nmasked_softmax = lambda s, mask: torch.special.softmax(s, -1)",
    ],
)
def test_the_answer_ready_made_is_refused_by_whatever_name(cheat, tmp_path):
    grader = Grader([pocket.MASKED_SOFTMAX])
    failure = graded(grader, tmp_path, cheat)["masked_softmax"].failure
    assert failure.kind == "ready-made function used", failure
    assert "write this one yourself" in failure.message


def test_the_library_holds_a_forbidden_function_nowhere(monkeypatch):
    original = functional.gelu
    held = {"gelu": original}
    monkeypatch.setattr(functional, "gelu", original)  # put back at the end
    monkeypatch.setattr(functional, "held", held, raising=False)
    monkeypatch.setattr(process, "gelu", original, raising=False)
    monkeypatch.setattr(Grader, "gelu", original, raising=False)
    monkeypatch.setitem(child.sys.modules, child.ANSWERS, None)
    child._forbid(("minibert.model.functional.gelu", "aten.gelu"))
    for found in (functional.gelu, held["gelu"], process.gelu, Grader.gelu):
        with pytest.raises(ReadyMade, match="write this one yourself"):
            found(torch.zeros(1))


def test_torch_is_refused_forwards_only():
    """What autograd computes by itself, also within the learner's function, is not refused."""
    x = torch.randn(3, 4, dtype=torch.float64)

    def by_autograd(x):
        x = x.detach().requires_grad_()
        (x.exp() * x).sum().backward()
        return x.grad

    probe = Probe("", (x,))
    fine = call(by_autograd, probe, 0, ["aten.exp_backward", "aten.mul_backward", "aten.expand"])
    assert fine.raised is None
    torch.testing.assert_close(fine.result, x.exp() * (x + 1))
    for refused in ("aten.exp", "aten._exp"):
        assert call(by_autograd, probe, 0, [refused]).raised.kind == "ReadyMade"
    # the sum's backward expands; sigmoid's multiplies: neither is called by the function
    softly = Probe("", (x,), (0,))
    assert call(torch.sigmoid, softly, 0, ["aten.mul", "aten.expand"]).raised is None


def test_a_failure_shows_what_the_function_was_called_with():
    """Tensors by shape, other values as they are; what holds tensors would be too much."""
    exercise = Exercise(
        name="cut",
        title="Some of the rows",
        points=1,
        difficulty=1,
        minutes=1,
        reference=lambda rows, size, names, weights: rows[:size],
        probes=lambda generator: [
            Probe("four rows", (torch.ones(4, 2), 3, ["a", "b"], {"weight": torch.ones(2)}))
        ],
        hints=("Cut.", "Slice."),
        page="03_attention_with_a_pencil: The average",
    )
    (failure, *_) = judge(exercise, lambda rows, size, names, weights: rows)
    assert failure.details == ("arguments rows (4, 2), size 3, names ['a', 'b']",)


def test_what_is_wrong_is_put_into_words(soft):
    scores, mask = soft.probes[0].arguments
    right = functional.masked_softmax

    def kind(function):
        failures = judge(pocket.MASKED_SOFTMAX, function)
        return (failures[0].kind, failures[0].message) if failures else None

    assert kind(right) is None
    assert kind(lambda scores, mask: None)[0] == "wrong type"
    assert "a return missing?" in kind(lambda scores, mask: None)[1]
    assert kind(lambda scores, mask: right(scores, mask).tolist())[0] == "wrong type"
    assert kind(lambda scores, mask: right(scores, mask)[0]) == (
        "wrong shape",
        "result has shape (3, 4, 5), expected (2, 3, 4, 5)",
    )
    assert kind(lambda scores, mask: right(scores, mask).float())[0] == "wrong dtype"
    detached = kind(lambda scores, mask: right(scores.detach(), mask))
    assert detached[0] == "wrong gradient"
    assert "no gradient reaches scores" in detached[1]
    doubled = kind(lambda s, mask: right(s, mask) + (s - s.detach()))
    assert doubled[0] == "wrong gradient"
    assert doubled[1].startswith("gradient of scores[0, 0, 0, 0] is ")
    assert kind(pocket.in_place) == (
        "argument changed in place",
        "scores is not the same after the call: work on a copy of it",
    )
    one_off = right(scores, mask)
    one_off[0, 1, 2, 3] += 0.5
    wrong = kind(lambda s, mask: right(s, mask) + (one_off - right(scores, mask)).to(s.dtype))
    assert wrong[0] == "wrong values"
    assert wrong[1].startswith("result[0, 1, 2, 3] is ")
    assert wrong[1].endswith("; 1 of 120 elements are wrong")


def test_rounding_is_allowed_and_no_more(soft):
    def shifted(by):
        return lambda scores, mask: functional.masked_softmax(scores, mask) + by

    assert not judge(pocket.MASKED_SOFTMAX, shifted(5e-10))
    failures = judge(pocket.MASKED_SOFTMAX, shifted(5e-9))
    assert [failure.probe for failure in failures] == ["float64"]
    assert len(judge(pocket.MASKED_SOFTMAX, shifted(5e-5))) == 2


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ((0.5, [1, "a"], {"k": True}), None),
        ([0.5, (1, "a"), {"k": True}], None),  # a list or a tuple: nobody is failed for that
        ((0.5 + 1e-8, [1, "a"], {"k": True}), None),  # 0.5 may have been a float32
        ((0.6, [1, "a"], {"k": True}), "result[0] is 0.6, expected 0.5"),
        ((0.5, [2, "a"], {"k": True}), "result[1][0] is 2, expected 1"),
        ((0.5, [1.0, "a"], {"k": True}), "result[1][0] is of type float, expected int"),
        ((0.5, [1, "b"], {"k": True}), "result[1][1] is 'b', expected 'a'"),
        ((0.5, [1, "a", 3], {"k": True}), "result[1] has 3 elements, expected 2: "),
        ((0.5, [1, "a"], {"k": 1}), "result[2]['k'] is of type int, expected bool"),
        ((0.5, [1, "a"], {"j": True}), "result[2] has the keys ['j'], expected ['k']"),
        ((float("nan"), [1, "a"], {"k": True}), "result[0] is nan, expected 0.5"),
        ((torch.tensor(0.5), [1, "a"], {"k": True}), ".item() makes a number of a tensor"),
    ],
)
def test_plain_values_are_compared_by_their_places(result, message):
    exercise = Exercise(
        "f", "", 1, 1, 1, lambda: (0.5, [1, "a"], {"k": True}), lambda g: [Probe("", ())], (), ""
    )
    failures = judge(exercise, lambda: result)
    assert bool(failures) == bool(message)
    if message:
        assert message in failures[0].message


def test_a_reference_that_changes_its_argument_allows_it():
    def sort(numbers):
        numbers.sort()

    exercise = Exercise("sort", "", 1, 1, 1, sort, lambda g: [Probe("", ([3, 1],))], (), "")
    assert not judge(exercise, sort)
    assert not judge(exercise, lambda numbers: None)


def test_a_reference_that_raises_is_the_course_s_fault():
    exercise = Exercise("f", "", 1, 1, 1, lambda: 1 / 0, lambda g: [Probe("p", ())], (), "")
    with pytest.raises(MinibertError, match=r"the reference itself raises .* on the probe 'p'"):
        Judge(exercise, 0)


def test_mistakes_that_no_call_tells_apart_are_a_tie_and_most_calls_name_the_nearest():
    def times(factor, at_most=100):
        return lambda x: factor * x if x < at_most else None

    exercise = Exercise(
        name="double",
        title="",
        points=1,
        difficulty=1,
        minutes=1,
        reference=times(2),
        probes=lambda generator: [Probe(f"{x}", (x,)) for x in range(5)],
        hints=(),
        page="",
        mistakes=(
            Mistake("three", "a factor of three", times(3)),
            Mistake("three-again", "a third", times(3, 50)),
            Mistake("four", "a factor of four", times(4)),
        ),
    )
    judge = Judge(exercise, 0)

    def told(function):
        causes, explained, unexplained, whole = judge.diagnose(judge.outcomes(function))
        return [cause.name for cause in causes], "".join(explained), unexplained, whole

    nothing = ([], "", "", False)
    assert told(times(3)) == (["three", "three-again"], "1234", "", True)
    assert told(times(4)) == (["four"], "1234", "", True)
    assert told(times(4, 4)) == (["four"], "123", "4", False)
    assert told(times(5)) == nothing
    # the first call that fails, if one mistake alone gives the same there
    assert told(lambda x: [0, 4, 7, 7, 7][x]) == (["four"], "1", "2", False)
    assert told(lambda x: [0, 3, 7, 7, 7][x]) == nothing
    assert told(lambda x: [0, 7, 8, 7, 7][x]) == nothing
    # exceptions count among the calls that fail, and explain none of them
    assert told(lambda x: 0 if not x else 4 * x // (x == 2)) == nothing
    assert told(lambda x: 0 if not x else 4 * x // (x == 1)) == (["four"], "1", "2", False)
    # right where the mistake is not
    assert told(lambda x: [0, 4, 4, 12, 16][x]) == (["four"], "134", "", False)


def test_other_seeds_draw_other_calls_and_the_same_seed_the_same():
    first, again, other = (Judge(pocket.MASKED_SOFTMAX, seed).probes for seed in (0, 0, 1))
    assert same(first[0].arguments, again[0].arguments)
    assert not same(first[0].arguments, other[0].arguments)


VALUES = (
    torch.tensor([[1.5, float("nan")], [float("inf"), -0.0]], dtype=torch.float64),
    torch.tensor([1.5, 3.0], dtype=torch.bfloat16),
    torch.tensor(7),
    torch.zeros(2, 0, dtype=torch.bool),
    ["tensor", "a0", "é\ud800\n"],
    {"k": None, 3: (True, 1, 1.0, float("-inf"))},
    (),
    10**30,
)


def test_values_travel_unchanged():
    arrays = {}
    packed = process.json.loads(process.json.dumps(pack(snapshot(VALUES), arrays)))
    assert same(unpack(packed, arrays), VALUES)


def test_a_snapshot_keeps_what_it_saw():
    tensor, numbers = torch.zeros(3, requires_grad=True), [1, 2]
    kept = snapshot({"t": tensor, "n": numbers, "s": {1}, "view": tensor.expand(2, 3)})
    with torch.no_grad():
        tensor += 1
    numbers.append(3)
    assert kept["n"] == [1, 2]
    assert not kept["t"].any()
    assert not kept["t"].requires_grad
    assert kept["s"] == Other("set")
    assert kept["view"].is_contiguous()


@pytest.mark.parametrize("packed", [["set", 1], ["tensor", "b", "float32"], ["tensor"], {"a": 1}])
def test_what_was_never_packed_is_not_unpacked(packed):
    with pytest.raises((ValueError, TypeError, KeyError)):
        unpack(packed, {})


def test_no_object_is_unpickled(tmp_path):
    file = tmp_path / "a.npz"
    process.np.savez(file, a=process.np.array([{1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_arrays(file.read_bytes())


def test_files_are_read_or_refused_with_a_reason(tmp_path):
    file = tmp_path / "my.py"
    file.write_bytes(b"\xef\xbb\xbfx = 1\r\n")
    assert read(file) == "x = 1\r\n"
    file.write_bytes(b"# one\n# caf\xe9\n")
    assert read(file).message == "line 2 has the byte 0xe9: save the file as UTF-8 text"
    assert read(tmp_path).kind == "not readable"
    assert read(tmp_path / "none.py").kind == "not readable"


def test_every_file_of_a_class_has_a_row(tmp_path):
    for name in ("b/my.py", "a/my.py", "a/notes.txt", "a/.hidden", "a/__pycache__/my.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(learners([tmp_path])) == ["a/my.py", "a/notes.txt", "b/my.py"]
    assert list(learners([tmp_path / "a"])) == ["my.py", "notes.txt"]
    assert learners([tmp_path / "a", tmp_path / "a/my.py"]).keys() == {"my.py", "notes.txt"}
    with pytest.raises(MinibertError, match="no such file"):
        learners([tmp_path / "c"])
    with pytest.raises(MinibertError, match="give your file after"):
        learners([])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_no_answer(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(Path(__file__))
    (tmp_path / "long").write_bytes(bytes(11))
    for name in ("pipe", "link", "long"):
        with pytest.raises(OSError, match=r"no file of at most|symbolic links"):
            process._content(tmp_path / name, 10)


def test_the_child_knows_no_answers(grader, tmp_path):
    """Neither the expected values nor the caller's main module are in the learner's process."""
    spy = """
import sys
def mean_and_largest(values):
    known = [name for name in sys.modules if "exercises" in name or "pocket" in name]
    known += [name for name in ("pytest", "_pytest") if name in sys.modules]
    raise RuntimeError(str(sorted(known)) + str(sys.modules["minibert.course.exercises"]))
"""
    failure = graded(grader, tmp_path, spy)["mean_and_largest"].failure
    assert failure.message == "RuntimeError: ['minibert.course.exercises']None"
