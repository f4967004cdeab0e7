"""Layer-wise relevance propagation: in closed form at the feature layer, and back to the pixels."""
