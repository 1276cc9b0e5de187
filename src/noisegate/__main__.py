"""`python -m noisegate`."""

from noisegate.cli.main import main

main()
