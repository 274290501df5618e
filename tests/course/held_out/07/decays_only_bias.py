# bug: only biases are excepted, weights of LayerNorms decay
# means: decay-norms
def decays(name: str) -> bool:
    return not name.endswith("bias")
