# bug: the lower half is the remainder by 2**32 - 1 instead of 2**32


# means: none
def philox_round(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> tuple[int, int, int, int]:
    top = 0xFFFFFFFF

    def split(product: int) -> tuple[int, int]:
        return product >> 32, product % top

    upper_first, lower_first = split(0xD2511F53 * counter[0])
    upper_third, lower_third = split(0xCD9E8D57 * counter[2])
    return (
        upper_third ^ counter[1] ^ key[0],
        lower_third,
        upper_first ^ counter[3] ^ key[1],
        lower_first,
    )
