# bug: products are taken in torch's int64, which overflows: from 2**63 on the upper half comes out negative
import torch


# means: philox-signed
def philox_round(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> tuple[int, int, int, int]:
    words = torch.tensor(counter, dtype=torch.int64)
    first = words[0] * 0xD2511F53
    third = words[2] * 0xCD9E8D57
    result = (
        (third >> 32) ^ words[1] ^ key[0],
        third & 0xFFFFFFFF,
        (first >> 32) ^ words[3] ^ key[1],
        first & 0xFFFFFFFF,
    )
    return tuple(word.item() for word in result)
