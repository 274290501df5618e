"""The chapters of the course, in order; what each is called, and how long it takes."""

from typing import NamedTuple

import torch

from minibert.errors import MinibertError
from minibert.lens.pictures import use_style


class Chapter(NamedTuple):
    """One chapter: `tutorials/{number}_{name}.py`, and the notebook built from it."""

    number: str
    name: str
    title: str
    minutes: int  # to read and try
    seconds: int  # to compute, on two cores

    @property
    def stem(self) -> str:
        """Its files' name without the ending."""
        return f"{self.number}_{self.name}"


CHAPTERS = (
    Chapter("00", "start_here", "Start here", 15, 20),
    Chapter("01", "words_to_numbers", "Words to numbers", 35, 10),
    Chapter("02", "embeddings", "Embeddings", 30, 10),
    Chapter("03", "attention_with_a_pencil", "Attention with a pencil", 40, 10),
    Chapter("04", "multi_head_attention", "Multi-head attention", 40, 20),
    Chapter("05", "encoder_layer", "One encoder layer", 40, 15),
    Chapter("06", "whole_bert", "The whole BERT", 40, 15),
    Chapter("07", "fine_tuning", "Fine-tuning on a single sentence", 45, 60),
    Chapter("08", "pairs_and_scores", "Pairs and scores", 40, 60),
    Chapter("09", "questions_and_answers", "Questions and answers", 45, 70),
    Chapter("10", "tagging", "Tagging", 40, 40),
    Chapter("11", "when_it_does_not_learn", "When it does not learn", 45, 90),
    Chapter("12", "from_formula_to_kernel", "From the formula to a kernel", 45, 15),
)


def chapter_of(number: str | int) -> Chapter:
    """The chapter of that number, "3" or "03"; raises `MinibertError` if there is none."""
    for chapter in CHAPTERS:
        if str(number).zfill(2) == chapter.number:
            return chapter
    raise MinibertError(
        f"there is no chapter {number}: they go from 0 to {len(CHAPTERS) - 1}, as in: "
        "minibert check 03 my_03.py"
    )


def start(number: str | int) -> None:
    """Begin a chapter: print what it takes, seed torch, and give matplotlib the course's looks."""
    chapter = chapter_of(number)
    torch.manual_seed(0)
    use_style()
    print(
        f"chapter {int(chapter.number)}, {chapter.title}: about {chapter.minutes} minutes to read, "
        f"{chapter.seconds} seconds to compute"
    )
