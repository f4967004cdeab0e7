"""Neuron explorer: all channels, all reference images, one channel in depth, two images."""
