# bug: texts are numbered 1 and 2 instead of 0 and 1
# means: segments-from-1
def segment_ids(first_length: int, second_length: int) -> list[int]:
    out = [1 for _ in range(first_length + 2)]
    if second_length > 0:
        out.extend(2 for _ in range(second_length + 1))
    return out
