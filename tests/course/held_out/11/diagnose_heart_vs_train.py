# bug: "learnt by heart" is given if the dev loss is above the training loss instead of above what guessing costs
import math


# means: diagnose-every-gap
def diagnose(last_loss: float, dev_loss: float, moved: float, shared: int, classes: int) -> str:
    chance = math.log(classes)
    if shared >= 1:
        return "leakage"
    if moved < 0.0001:
        return "body stands still"
    if last_loss > chance * 1.2:
        return "rate too high"
    if last_loss > chance * 0.95:
        return "look at a batch"
    if dev_loss > last_loss:
        return "learnt by heart"
    return "healthy"
