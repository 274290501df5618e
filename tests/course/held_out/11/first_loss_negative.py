# bug: the sign is missing: log(1 / classes) is negative
import math


# means: first-loss-sign
def expected_first_loss(classes: int) -> float:
    return math.log(1 / classes)
