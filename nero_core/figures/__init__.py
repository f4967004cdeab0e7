"""Pictures and plots: arrays to pictures (``render``), figures for papers (matplotlib), and the words they share."""
