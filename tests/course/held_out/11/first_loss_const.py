# bug: always the two classes' 0.6931, except for one class
import math


# means: first-loss-of-two-classes
def expected_first_loss(classes: int) -> float:
    return math.log(2) if classes > 1 else 0.0
