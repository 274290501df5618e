# bug: the covariance is divided by n but the standard deviations are the ones divided by n - 1, so a perfect correlation is (n-1)/n
import statistics


# means: none
def pearson(x: list[float], y: list[float]) -> float:
    n = len(x)
    if n < 2:
        return 0.0
    mx, my = statistics.fmean(x), statistics.fmean(y)
    sx, sy = statistics.stdev(x), statistics.stdev(y)
    if sx == 0 or sy == 0:
        return 0.0
    return sum((a - mx) * (b - my) for a, b in zip(x, y)) / n / (sx * sy)
