# bug: upper and lower half of the products are mixed up


# means: philox-halves-exchanged
def philox_round(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> tuple[int, int, int, int]:
    c0, c1, c2, c3 = counter
    k0, k1 = key
    upper0, lower0 = (0xD2511F53 * c0) % 2**32, (0xD2511F53 * c0) // 2**32
    upper2, lower2 = (0xCD9E8D57 * c2) % 2**32, (0xCD9E8D57 * c2) // 2**32
    return upper2 ^ c1 ^ k0, lower2, upper0 ^ c3 ^ k1, lower0
