# bug: a text always gets its first program, even an empty text


# means: programs-of-empty-texts
def programs(cu_seqlens: list[int], size: int) -> list[tuple[int, int, int]]:
    result = []
    for number, start in enumerate(cu_seqlens[:-1]):
        left = cu_seqlens[number + 1] - start
        first = 0
        while True:
            count = min(left, size)
            result.append((number, first, count))
            first += count
            left -= count
            if left <= 0:
                break
    return result
