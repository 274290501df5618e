# bug: guessing always costs ln 2, whatever the number of classes
# means: diagnose-two-classes
def diagnose(last_loss: float, dev_loss: float, moved: float, shared: int, classes: int) -> str:
    guess = 0.6931471805599453
    checks = [
        (shared > 0, "leakage"),
        (moved < 0.0001, "body stands still"),
        (last_loss > 1.2 * guess, "rate too high"),
        (last_loss > 0.95 * guess, "look at a batch"),
        (dev_loss > guess, "learnt by heart"),
    ]
    for wrong, word in checks:
        if wrong:
            return word
    return "healthy"
