"""`python -m skryba` is the same as `skryba`.

Knows the street door only.
"""

from skryba.cli import main

main()
