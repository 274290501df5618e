# bug: products are cut to 32 bits before their upper half is taken, which is then always 0


# means: philox-cut-first
def philox_round(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> tuple[int, int, int, int]:
    limit = 0xFFFFFFFF
    first = (counter[0] * 0xD2511F53) & limit
    third = (counter[2] * 0xCD9E8D57) & limit
    return (
        (third >> 32) ^ counter[1] ^ key[0],
        third & limit,
        (first >> 32) ^ counter[3] ^ key[1],
        first & limit,
    )
