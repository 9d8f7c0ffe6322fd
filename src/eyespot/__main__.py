"""`python -m eyespot`."""

from eyespot.cli import main

main()
