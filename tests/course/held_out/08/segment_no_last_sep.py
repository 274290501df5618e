# bug: the last [SEP] is missing
# means: segments-no-last-sep
def segment_ids(first_length: int, second_length: int) -> list[int]:
    return [0] * (first_length + 2) + [1] * second_length
