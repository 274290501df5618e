"""SQuAD: find the words of a passage that answer a question, or see that none do.

In the order in which to read them: `reading` (files to questions), `windows` (questions to what
the model takes), `spans` (the model's scores to answers), `scoring` (how good the answers are),
`report` (where they fail), `task` (what is learnt, and all of it together), and `ruler`, which
draws what the windows hold. What is not SQuAD's alone stands beside this package: `tasks/nodes.py`
(JSON), `tasks/overlap.py` (windows on long texts), `tasks/characters.py`.

Source: Rajpurkar et al. 2016 and 2018, "SQuAD" and "Know What You Don't Know"; Devlin et al. 2019,
sections 4.2 and 4.3; google-research/bert, `run_squad.py`.
"""

from typing import TYPE_CHECKING

from minibert.lazy import exports

if TYPE_CHECKING:
    from minibert.tasks.squad.report import score_files
    from minibert.tasks.squad.ruler import ruler_of

__all__ = ["ruler_of", "score_files"]

__getattr__ = exports(
    __name__,
    {
        "ruler_of": "minibert.tasks.squad.ruler",
        "score_files": "minibert.tasks.squad.report",
    },
)
