# bug: 0.95 is tested before 1.2, so "rate too high" is never given
import math


# means: diagnose-rate-unseen
def diagnose(last_loss: float, dev_loss: float, moved: float, shared: int, classes: int) -> str:
    guess = math.log(classes)
    if shared:
        return "leakage"
    elif moved < 1e-4:
        return "body stands still"
    elif last_loss > 0.95 * guess:
        return "look at a batch"
    elif last_loss > 1.2 * guess:
        return "rate too high"
    elif dev_loss > guess:
        return "learnt by heart"
    else:
        return "healthy"
