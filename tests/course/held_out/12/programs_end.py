# bug: the third number is where the tile ends in its text instead of how many queries it holds


# means: programs-end-for-count
def programs(cu_seqlens: list[int], size: int) -> list[tuple[int, int, int]]:
    todo = []
    for i, (begin, end) in enumerate(zip(cu_seqlens, cu_seqlens[1:])):
        n = end - begin
        for q in range(0, n, size):
            todo.append((i, q, min(q + size, n)))
    return todo
