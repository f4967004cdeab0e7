"""Compare methods: every method on the same images, and on this one."""
