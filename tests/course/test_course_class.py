"""A whole class is graded: every grade right, whatever the files do."""

import time

import course_check
import pocket
import pytest
from simulated_class import BODIES, ENDINGS, FORMS, handed_in, wrong_grades

from minibert.course.exercises import exercises_of
from minibert.course.grader import Grader, learners
from minibert.course.process import Limits

LIMITS = Limits(seconds=1, megabytes=1024)


def graded(files, exercises, folder, jobs=1):
    for file in files:
        (folder / file.name).write_bytes(file.content)
    grader = Grader(exercises, seed=7, limits=LIMITS)
    return list(grader.grade_class(learners([folder]), jobs))


def test_a_small_class(tmp_path):
    kinds = len(BODIES) + len(ENDINGS) + len(FORMS)
    files = handed_in(pocket.EXERCISES, pocket.SOLUTION, pocket.__file__, 2 * kinds + 4)
    chosen = [file for number, file in enumerate(files) if number % 8 in (0, 1)]
    grades = graded(chosen, pocket.EXERCISES, tmp_path, jobs=2)
    assert [grade.learner for grade in grades] == sorted(file.name for file in chosen)
    faults = [*wrong_grades(chosen, grades)]
    assert not faults, "\n".join(faults)


def test_who_ends_the_server_of_all_is_alone_to_blame(tmp_path):
    only = (pocket.COUNT_WORDS,)
    harm = "import os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(1)"
    for number in range(6):
        text = harm if number == 2 else pocket.SOLUTION
        (tmp_path / f"{number}.py").write_text(text)
    grader = Grader(only, limits=Limits(seconds=5))
    grades = list(grader.grade_class(learners([tmp_path]), jobs=3))
    assert [grade.points for grade in grades] == [2, 2, 0, 2, 2, 2]
    assert grades[2].marks[0].failure.kind == "crashed"


@pytest.mark.slow
def test_a_class_of_two_hundred(tmp_path):
    exercises = exercises_of("03")
    solution = (course_check.TUTORIALS / "solutions" / "03.py").read_text(encoding="utf-8")
    museum = course_check.museum_file("03")
    torchs = "from torch.nn.functional import scaled_dot_product_attention"
    kills = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"
    crashed = dict.fromkeys([one.name for one in exercises], "crashed")
    others = [
        ("torchs_own.py", torchs, {"scaled_dot_product_attention": "ready-made function used"}),
        ("kills_the_server.py", kills, crashed),
    ]
    files = handed_in(exercises, solution, museum, 200, others=others)
    start = time.monotonic()
    grades = graded(files, exercises, tmp_path, jobs=2)
    minutes = (time.monotonic() - start) / 60
    print(f"\n{len(grades)} files graded in {minutes:.1f} minutes")
    assert len(grades) == 200
    faults = [*wrong_grades(files, grades)]
    assert not faults, "\n".join(faults)
