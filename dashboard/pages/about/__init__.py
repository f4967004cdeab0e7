"""About this model: the card of the bundle."""
