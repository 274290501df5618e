# bug: with second_length 0 there still is a 1 for a second [SEP]
# means: segments-second-sep-of-single
def segment_ids(first_length: int, second_length: int) -> list[int]:
    return [0] * (first_length + 2) + [1] * (second_length + 1)
