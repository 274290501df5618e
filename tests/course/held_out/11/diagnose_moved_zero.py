# bug: the body counts as standing still only if it moved by exactly 0
import math


# means: diagnose-still-is-0
def diagnose(last_loss: float, dev_loss: float, moved: float, shared: int, classes: int) -> str:
    guess = math.log(classes)
    if shared > 0:
        return "leakage"
    if moved == 0:
        return "body stands still"
    if last_loss > 1.2 * guess:
        return "rate too high"
    if last_loss > 0.95 * guess:
        return "look at a batch"
    if dev_loss > guess:
        return "learnt by heart"
    return "healthy"
