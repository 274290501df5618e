# bug: the last window is moved back so that it is full, i.e. it begins at length - room
# means: windows-last-pushed-back
def window_starts(length: int, room: int, stride: int) -> list[int]:
    starts = []
    s = 0
    while s + room < length:
        starts.append(s)
        s += stride
    starts.append(max(0, length - room))
    return starts
