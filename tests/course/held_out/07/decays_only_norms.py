# bug: only LayerNorms are excepted, the biases of linear layers decay
# means: decay-biases
def decays(name: str) -> bool:
    return "norm" not in name
