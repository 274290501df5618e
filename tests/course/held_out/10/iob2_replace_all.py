# bug: replace("I", "B") changes every I of the tag, also those in the type (I-MISC becomes B-MBSC)
# means: none
def to_iob2(tags: list[str]) -> list[str]:
    result = []
    previous = "O"
    for tag in tags:
        if tag.startswith("I-") and previous[2:] != tag[2:]:
            result.append(tag.replace("I", "B"))
        else:
            result.append(tag)
        previous = tag
    return result
