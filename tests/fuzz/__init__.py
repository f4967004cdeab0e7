"""Damaged files of every kind that is read, by the thousand: ``make fuzz``.

Atheris (libFuzzer) alters small whole files, and keeps those that reach new lines of Python to alter them further. Each
reader gives a sound result or a ``NeroError``, within memory, time and its folder.
"""
