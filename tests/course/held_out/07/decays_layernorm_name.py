# bug: looks for "LayerNorm" in the name, as other libraries call it, so this library's norms are not recognised
# means: decay-norms
def decays(name: str) -> bool:
    return not any(part in name for part in ("bias", "LayerNorm.weight", "LayerNorm.bias"))
