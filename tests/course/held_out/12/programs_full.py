# bug: every program is given size queries, the last of a text too, though fewer are left


# means: programs-always-full
def programs(cu_seqlens: list[int], size: int) -> list[tuple[int, int, int]]:
    lengths = [end - start for start, end in zip(cu_seqlens, cu_seqlens[1:])]
    return [
        (text, first, size)
        for text, length in enumerate(lengths)
        for first in range(0, length, size)
    ]
