# bug: embedding tables are excepted from decay as well
# means: decay-no-embeddings
def decays(name: str) -> bool:
    no = ["bias", "norm", "embeddings"]
    return not any(n in name for n in no)
