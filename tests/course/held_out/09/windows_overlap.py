# bug: stride is taken for the overlap of two windows: the step is room - stride (at least 1)
# means: windows-stride-is-overlap
def window_starts(length: int, room: int, stride: int) -> list[int]:
    step = max(1, room - stride)
    starts = [0]
    while starts[-1] + room < length:
        starts.append(starts[-1] + step)
    return starts
