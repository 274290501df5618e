# bug: the means are not subtracted: this is the cosine of x and y
# means: pearson-cosine
def pearson(x: list[float], y: list[float]) -> float:
    if len(set(x)) < 2 or len(set(y)) < 2:
        return 0.0
    top = sum(a * b for a, b in zip(x, y))
    return top / (sum(a * a for a in x) * sum(b * b for b in y)) ** 0.5
