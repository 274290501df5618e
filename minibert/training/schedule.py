"""The learning rate's course: a pure function of the step, so there is no state to be saved.

Source: google-research/bert, `optimization.py`; Loshchilov and Hutter 2017 for the cosine.
"""

import math

from minibert.training.settings import Settings


def rate_factor(step: int, steps: int, settings: Settings) -> float:
    """The factor on every learning rate in a step, counted from 0, of `steps`.

    It rises linearly from 0 over the share `warmup` of all steps. Then it falls to 0, which it
    would reach in the step after the last: linearly, or as the first half of a cosine; or stays 1.

    With Google's optimizer the fall began in step 0, unseen below the warm-up: after a warm-up of a
    tenth, the rate jumps from 1.0 to 0.9 of its peak.
    """
    google = settings.optimizer == "google"
    rising = int(settings.warmup * steps) if google else math.ceil(settings.warmup * steps)
    if step < rising:
        return step / rising
    done = step / steps if google else (step - rising) / (steps - rising)
    if settings.schedule == "constant":
        return 1.0
    return 1 - done if settings.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
