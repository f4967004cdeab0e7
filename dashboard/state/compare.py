"""The page "Compare methods"."""

# in the URL
METHODS = "methods"
BY_CLASS = "by_class"
