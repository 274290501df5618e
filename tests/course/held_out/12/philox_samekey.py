# bug: the third result takes the first of the key again instead of the second


# means: philox-first-key-twice
def philox_round(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> tuple[int, int, int, int]:
    w0, w1, w2, w3 = counter
    p0 = w0 * 0xD2511F53
    p2 = w2 * 0xCD9E8D57
    x = (p2 >> 32) ^ w1 ^ key[0]
    y = p2 & (2**32 - 1)
    z = (p0 >> 32) ^ w3 ^ key[0]
    w = p0 & (2**32 - 1)
    return x, y, z, w
