"""`python -m minibert`."""

from minibert.cli import main

main()
