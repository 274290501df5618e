# bug: the last tile holds length % size queries, which is 0 where size divides the length


# means: programs-remainder
def programs(cu_seqlens: list[int], size: int) -> list[tuple[int, int, int]]:
    result = []
    for text in range(len(cu_seqlens) - 1):
        length = cu_seqlens[text + 1] - cu_seqlens[text]
        tiles = (length + size - 1) // size
        for tile in range(tiles):
            last = tile == tiles - 1
            result.append((text, tile * size, length % size if last else size))
    return result
