"""How long the steps take."""
