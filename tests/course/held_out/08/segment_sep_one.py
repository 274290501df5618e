# bug: the [SEP] after the first text belongs to the second text (type 1)
# means: segments-first-sep-in-second
def segment_ids(first_length: int, second_length: int) -> list[int]:
    if second_length == 0:
        return [0] * (first_length + 2)
    return [0] * (1 + first_length) + [1] * (second_length + 2)
