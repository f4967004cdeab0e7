"""The pages, a room each: ``page.py`` reads as the screen reads, beside it stand the widgets that only it uses."""
