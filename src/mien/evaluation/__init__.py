"""How good is it: probabilities and labels in, tables, scores and reports out."""
