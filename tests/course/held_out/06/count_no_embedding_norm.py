# bug: the LayerNorm of the embeddings is not counted
# means: count-no-embedding-norm
def count_parameters(config: dict[str, int]) -> int:
    def linear(i, o):
        return i * o + o

    d = config["hidden_size"]
    total = sum(config[k] for k in ("vocab_size", "max_position_embeddings", "type_vocab_size")) * d
    for _ in range(config["num_hidden_layers"]):
        total += 4 * linear(d, d)
        total += linear(d, config["intermediate_size"]) + linear(config["intermediate_size"], d)
        total += 2 * (d + d)
    total += linear(d, d)
    total += linear(d, d) + 2 * d + config["vocab_size"]
    total += linear(d, 2)
    return total
