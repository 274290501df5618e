# bug: all tests run one after the other without return or elif, so the last that is so wins instead of the first
import math


# means: none
def diagnose(last_loss: float, dev_loss: float, moved: float, shared: int, classes: int) -> str:
    guess = math.log(classes)
    answer = "healthy"
    if shared > 0:
        answer = "leakage"
    if moved < 0.0001:
        answer = "body stands still"
    if last_loss > 1.2 * guess:
        answer = "rate too high"
    if 0.95 * guess < last_loss <= 1.2 * guess:
        answer = "look at a batch"
    if dev_loss > guess:
        answer = "learnt by heart"
    return answer
