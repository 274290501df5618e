# bug: logarithm to the base 2 instead of the natural one
import math


# means: first-loss-in-bits
def expected_first_loss(classes: int) -> float:
    return math.log2(classes)
