# bug: r squared is returned
# means: pearson-squared
def pearson(x: list[float], y: list[float]) -> float:
    mx, my = sum(x) / len(x), sum(y) / len(y)
    xy = sum((a - mx) * (b - my) for a, b in zip(x, y))
    xx = sum((a - mx) ** 2 for a in x)
    yy = sum((b - my) ** 2 for b in y)
    if xx * yy == 0:
        return 0.0
    return xy**2 / (xx * yy)
