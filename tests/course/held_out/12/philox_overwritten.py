# bug: the words are overwritten one by one, so the first's product is taken of the new first word


# means: philox-one-after-another
def philox_round(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> tuple[int, int, int, int]:
    a, b, c, d = counter
    a, b = (0xCD9E8D57 * c) >> 32 ^ b ^ key[0], (0xCD9E8D57 * c) & 0xFFFFFFFF
    c, d = (0xD2511F53 * a) >> 32 ^ d ^ key[1], (0xD2511F53 * a) & 0xFFFFFFFF
    return a, b, c, d
