"""Screen an image: image, words, number, why."""
