# bug: a window that ends just at the end of the text is not taken for the last one (< instead of <=), so there is one too many
# means: windows-one-too-many
def window_starts(length: int, room: int, stride: int) -> list[int]:
    starts = [0]
    while starts[-1] + room <= length:
        starts.append(starts[-1] + stride)
    return starts
