# bug: looks for a part of the name that is exactly "norm", so attention_norm and output_norm decay
# means: decay-one-norm
def decays(name: str) -> bool:
    parts = name.split(".")
    if parts[-1] == "bias":
        return False
    return "norm" not in parts
