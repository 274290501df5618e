# bug: the pooler's parameters are not counted
# means: count-no-pooler
def count_parameters(config: dict[str, int]) -> int:
    V, D, L = config["vocab_size"], config["hidden_size"], config["num_hidden_layers"]
    F, P, T = config["intermediate_size"], config["max_position_embeddings"], config["type_vocab_size"]
    embeddings = (V + P + T) * D + 2 * D
    attention = 4 * (D * D + D) + 2 * D
    ffn = D * F + F + F * D + D + 2 * D
    mlm = D * D + D + 2 * D + V
    nsp = 2 * D + 2
    return embeddings + L * (attention + ffn) + mlm + nsp
