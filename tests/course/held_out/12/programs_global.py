# bug: the first query is counted from the beginning of the batch, not of its text


# means: programs-counted-from-all
def programs(cu_seqlens: list[int], size: int) -> list[tuple[int, int, int]]:
    result = []
    for text in range(len(cu_seqlens) - 1):
        start, end = cu_seqlens[text], cu_seqlens[text + 1]
        for first in range(start, end, size):
            result.append((text, first, min(size, end - first)))
    return result
