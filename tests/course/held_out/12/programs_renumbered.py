# bug: empty texts are filtered out before the texts are numbered, so later ones get too low a number


# means: programs-renumbered
def programs(cu_seqlens: list[int], size: int) -> list[tuple[int, int, int]]:
    lengths = [b - a for a, b in zip(cu_seqlens[:-1], cu_seqlens[1:]) if b > a]
    result = []
    for text, length in enumerate(lengths):
        for first in range(0, length, size):
            result.append((text, first, min(size, length - first)))
    return result
