# bug: length // size + 1 tiles: one too many, without queries, where size divides the length


# means: programs-one-too-many
def programs(cu_seqlens: list[int], size: int) -> list[tuple[int, int, int]]:
    out = []
    for i in range(len(cu_seqlens) - 1):
        length = cu_seqlens[i + 1] - cu_seqlens[i]
        if length == 0:
            continue
        for j in range(length // size + 1):
            first = j * size
            out.append((i, first, min(size, length - first)))
    return out
