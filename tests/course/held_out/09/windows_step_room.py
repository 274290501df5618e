# bug: the step is room instead of stride, so windows do not overlap
# means: windows-no-overlap
def window_starts(length: int, room: int, stride: int) -> list[int]:
    return list(range(0, length, room))
