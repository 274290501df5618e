# bug: a text that fits into one window gets no window at all
# means: windows-none-for-short-texts
def window_starts(length: int, room: int, stride: int) -> list[int]:
    starts = []
    start = 0
    end = 0
    if length <= room:
        return starts
    while end < length:
        starts.append(start)
        end = start + room
        start += stride
    return starts
