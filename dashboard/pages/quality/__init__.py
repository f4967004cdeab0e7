"""Quality over time: what a reference set has scored, whether the world has moved, and calibrating it anew."""
