# bug: the number of tiles is rounded down, so that the shorter last tile of a text is lost


# means: programs-last-lost
def programs(cu_seqlens: list[int], size: int) -> list[tuple[int, int, int]]:
    out = []
    for i in range(len(cu_seqlens) - 1):
        length = cu_seqlens[i + 1] - cu_seqlens[i]
        n_tiles = length // size
        for j in range(n_tiles):
            out.append((i, j * size, min(size, length - j * size)))
    return out
