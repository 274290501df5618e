# bug: the correlation of the ranks (Spearman's) instead of the values
# means: pearson-of-ranks
def pearson(x: list[float], y: list[float]) -> float:
    def ranks(v):
        s = sorted(v)
        return [s.index(a) + (s.count(a) - 1) / 2 for a in v]

    x, y = ranks(x), ranks(y)
    mx, my = sum(x) / len(x), sum(y) / len(y)
    dx, dy = [a - mx for a in x], [b - my for b in y]
    bottom = (sum(a * a for a in dx) * sum(b * b for b in dy)) ** 0.5
    return sum(a * b for a, b in zip(dx, dy)) / bottom if bottom else 0.0
