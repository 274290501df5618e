# bug: one minus the probability of a class, the expected error rate, instead of its negative logarithm
# means: first-loss-is-error-rate
def expected_first_loss(classes: int) -> float:
    return 1 - 1 / classes
