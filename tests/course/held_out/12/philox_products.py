# bug: the two products are exchanged: the first word's goes into the first two results


# means: philox-not-crossed
def philox_round(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> tuple[int, int, int, int]:
    mask = 0xFFFFFFFF
    a = counter[0] * 0xD2511F53
    b = counter[2] * 0xCD9E8D57
    return (
        (a >> 32) ^ counter[1] ^ key[0],
        a & mask,
        (b >> 32) ^ counter[3] ^ key[1],
        b & mask,
    )
