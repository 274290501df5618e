# bug: logarithm to the base 10 instead of the natural one
import math


# means: first-loss-base-10
def expected_first_loss(classes: int) -> float:
    return math.log10(classes)
