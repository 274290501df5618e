# bug: True and False are swapped
# means: decay-turned-round
def decays(name: str) -> bool:
    return name.endswith(".bias") or "norm" in name
