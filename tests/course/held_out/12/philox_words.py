# bug: second and fourth word are exchanged in the exclusive or


# means: philox-others-exchanged
def philox_round(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> tuple[int, int, int, int]:
    product1 = 0xD2511F53 * counter[0]
    product3 = 0xCD9E8D57 * counter[2]
    hi1, lo1 = divmod(product1, 1 << 32)
    hi3, lo3 = divmod(product3, 1 << 32)
    return hi3 ^ counter[3] ^ key[0], lo3, hi1 ^ counter[1] ^ key[1], lo1
