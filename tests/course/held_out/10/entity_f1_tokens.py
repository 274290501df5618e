# bug: tags of single words are compared instead of entities (F1 over tokens that are not O)
# means: entity-f1-tokens
def entity_f1(gold: list[list[str]], predicted: list[list[str]]) -> float:
    right = n_gold = n_pred = 0
    for g, p in zip(gold, predicted):
        for a, b in zip(g, p):
            right += a == b and a != "O"
            n_gold += a != "O"
            n_pred += b != "O"
    return 2 * right / (n_gold + n_pred) if n_gold + n_pred else 0.0
