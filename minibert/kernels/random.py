"""Random numbers that need no order: which probabilities dropout keeps, from their place alone.

A usual generator gives one number after the other, so that whoever wants the millionth must have
drawn all before it. A kernel whose programs run side by side, and whose backward pass walks through
the same matrix in another order, cannot. Philox is a function instead: it scrambles a counter under
a key, as a cipher does, and the counter here is the element's place, (query, key, head, sequence).
Whoever knows the seed knows the mask, whatever the size of tiles and however long the padding.

Every coordinate has 32 bits of the counter for itself. (One running number for an element would
have to be 64 bits wide: 70 000 tokens have more than 2**32 probabilities.)

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
"""

import torch
from torch import Tensor

ROUNDS = 7  # the fewest that pass all of Salmon et al.'s tests; 10 is the cautious usual number
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_LOW = 0xFFFFFFFF  # the low 32 bits of an int64


def philox(seed: Tensor, counter: tuple[Tensor, Tensor, Tensor, Tensor]) -> tuple[Tensor, ...]:
    """Four random words for each counter: Philox-4x32 with 7 rounds.

    Seed (1,) of int64; four counter words and four results, of int64 that hold 32 bits each, whose
    shapes broadcast together.
    """
    first, second, third, fourth = counter
    keys = [seed & _LOW, (seed >> 32) & _LOW]
    for _ in range(ROUNDS):
        # int64 keeps the low 64 bits of a product, and those are all bits of 32 times 32.
        left, right = first * _MULTIPLIERS[0], third * _MULTIPLIERS[1]
        first, second = ((right >> 32) & _LOW) ^ second ^ keys[0], right & _LOW
        third, fourth = ((left >> 32) & _LOW) ^ fourth ^ keys[1], left & _LOW
        keys = [(key + step) & _LOW for key, step in zip(keys, _KEY_STEPS, strict=True)]
    return first, second, third, fourth


def draw_seed(device: torch.device) -> Tensor:
    """A seed (1,) from torch's generator for this device, which stays there.

    So `manual_seed`, resumed runs and gradient checkpointing repeat dropout, nothing waits for a
    GPU, and a captured CUDA graph draws anew at every replay.
    """
    return torch.randint(2**62, (1,), dtype=torch.int64, device=device)


def threshold(dropout_p: float) -> int:
    """Of the 65 536 values of 16 random bits, those below it drop their probability.

    The rate is so exact to 1 / 131 072: 0.1 becomes 0.100006. That no experiment can tell, and a
    word of 32 bits serves two elements. 8 bits would make 0.1016 of it, which one can.
    """
    return round(dropout_p * 65536)


def keep_tile(
    seed: Tensor, query: Tensor, key: Tensor, head: Tensor, sequence: Tensor, dropout_p: float
) -> Tensor:
    """True where dropout keeps the probability of these places; shapes broadcast together.

    One call of Philox, 128 bits, serves eight keys of a query. Of each 32 keys in a row, call `t`
    (0 to 3) serves those with key // 2 % 4 == t: just those that one thread holds when tensor cores
    have multiplied, so that none has to ask another for its bits.
    """
    call = key // 32 * 4 + key // 2 % 4
    words = torch.stack(torch.broadcast_tensors(*philox(seed, (query, call, head, sequence))), -1)
    word = (key // 8 % 4).expand(words.shape[:-1])
    bits = words.gather(-1, word[..., None])[..., 0] >> (16 * (key % 2))
    return (bits & 0xFFFF) >= threshold(dropout_p)


def keep_mask(seed: Tensor, sequences: int, heads: int, length: int, dropout_p: float) -> Tensor:
    """What the fused kernels keep under this seed: (B, H, S, S), True = keep.

    `functional.scaled_dot_product_attention` takes it as `keep_mask`, and then drops the same.
    """
    place = torch.arange(length, device=seed.device)
    return keep_tile(
        seed,
        place[:, None],
        place,
        torch.arange(heads, device=seed.device)[:, None, None],
        torch.arange(sequences, device=seed.device)[:, None, None, None],
        dropout_p,
    )
