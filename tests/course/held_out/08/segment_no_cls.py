# bug: [CLS] is forgotten, there is one 0 too few
# means: segments-no-cls
def segment_ids(first_length: int, second_length: int) -> list[int]:
    ids = [0] * (first_length + 1)
    if second_length:
        ids += [1] * (second_length + 1)
    return ids
