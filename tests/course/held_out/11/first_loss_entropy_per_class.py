# bug: -p * log(p) of one class only, not summed over all classes
import math


# means: first-loss-entropy-term
def expected_first_loss(classes: int) -> float:
    p = 1 / classes
    return -p * math.log(p)
