# bug: "body stands still" is looked for before "leakage"
import math


# means: none
def diagnose(last_loss: float, dev_loss: float, moved: float, shared: int, classes: int) -> str:
    limit = math.log(classes)
    if moved < 0.0001:
        return "body stands still"
    if shared > 0:
        return "leakage"
    if last_loss > 1.2 * limit:
        return "rate too high"
    if last_loss > 0.95 * limit:
        return "look at a batch"
    return "learnt by heart" if dev_loss > limit else "healthy"
