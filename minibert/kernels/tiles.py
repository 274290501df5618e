"""How large the kernels' tiles are, and how many threads share one: the one table to tune.

Large tiles read memory less often; tiles that are too large for the registers of their threads
spill them to memory, which costs more than it saves. Which is best is measured, not reasoned
(`benchmarks/attention_gpu.py --tune`), and then stands here for good: to search at run time would
make the first step slow, and results differ from one machine to the next.
"""

from typing import NamedTuple


class Tile(NamedTuple):
    """What one program works on at a time, and how."""

    queries: int
    keys: int  # a multiple of 32, as `random.keep_tile` wants it
    warps: int  # of 32 threads; Hopper's tensor cores are fed by 4 of them together
    stages: int  # tiles on their way from memory while one is computed with


class Tiles(NamedTuple):
    """The tile of each kernel."""

    forward: Tile
    key_value: Tile  # its own block of keys, and the queries it goes through
    query: Tile


# {(bytes of a number, width of a head): tiles}
TABLE: dict[tuple[int, int], Tiles] = {
    (2, 16): Tiles(Tile(128, 64, 4, 3), Tile(64, 128, 8, 3), Tile(128, 64, 4, 3)),
    (2, 32): Tiles(Tile(128, 64, 4, 3), Tile(64, 128, 8, 3), Tile(128, 64, 4, 3)),
    (2, 64): Tiles(Tile(128, 64, 4, 3), Tile(64, 128, 8, 3), Tile(128, 64, 8, 3)),
    (2, 128): Tiles(Tile(128, 64, 8, 3), Tile(32, 128, 8, 2), Tile(128, 64, 8, 2)),
    # float32 is multiplied by the usual units, whose factors wait in registers: small tiles
    (4, 16): Tiles(Tile(64, 32, 4, 2), Tile(32, 64, 4, 2), Tile(64, 32, 4, 2)),
    (4, 32): Tiles(Tile(64, 32, 4, 2), Tile(32, 64, 4, 2), Tile(64, 32, 4, 2)),
    (4, 64): Tiles(Tile(32, 32, 8, 2), Tile(32, 32, 8, 2), Tile(32, 32, 8, 2)),
    (4, 128): Tiles(Tile(32, 32, 8, 2), Tile(32, 32, 8, 2), Tile(32, 32, 8, 2)),
}


def tiles_for(size: int, width: int, longest: int) -> Tiles:
    """The tiles for numbers of `size` bytes and heads of `width`, where no sequence is longer.

    Short sequences would leave most of a large tile empty: none is longer than the next power of 2.
    """
    enough = max(32, 1 << (longest - 1).bit_length())

    def cut(tile: Tile) -> Tile:
        if max(tile.queries, tile.keys) <= enough:
            return tile
        return Tile(min(tile.queries, enough), min(tile.keys, enough), 4, tile.stages)

    return Tiles(*(cut(tile) for tile in TABLE[min(size, 4), width]))
