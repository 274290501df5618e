# bug: divides by x's squared deviations only, which is the slope of the line and not the correlation
# means: pearson-slope
def pearson(x: list[float], y: list[float]) -> float:
    mx, my = sum(x) / len(x), sum(y) / len(y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        return 0.0
    numerator = 0.0
    denominator = 0.0
    for a, b in zip(x, y):
        numerator += (a - mx) * (b - my)
        denominator += (a - mx) ** 2
    return numerator / denominator
