"""What the consumer's commits change: the model's weights, and how many of 2,000 rows it gets wrong."""

WEIGHTS = "first"
WRONG = 20
