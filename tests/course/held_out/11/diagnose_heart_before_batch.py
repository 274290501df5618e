# bug: the order is wrong: "learnt by heart" is looked for before "rate too high" and "look at a batch"
import math


# means: diagnose-heart-before-batch
def diagnose(last_loss: float, dev_loss: float, moved: float, shared: int, classes: int) -> str:
    guess = math.log(classes)
    if shared > 0:
        return "leakage"
    if moved < 0.0001:
        return "body stands still"
    if dev_loss > guess:
        return "learnt by heart"
    if last_loss > 1.2 * guess:
        return "rate too high"
    if last_loss > 0.95 * guess:
        return "look at a batch"
    return "healthy"
