# bug: the dev loss is used for "rate too high" and "look at a batch" instead of the training loss
import math


# means: diagnose-batch-by-dev-loss
def diagnose(last_loss: float, dev_loss: float, moved: float, shared: int, classes: int) -> str:
    g = math.log(classes)
    if shared != 0:
        return "leakage"
    if moved < 0.0001:
        return "body stands still"
    if dev_loss > 1.2 * g:
        return "rate too high"
    if dev_loss > 0.95 * g:
        return "look at a batch"
    return "learnt by heart" if dev_loss > g else "healthy"
