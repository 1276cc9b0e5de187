"""`python -m noisegate.api`: the API process."""

from noisegate.api.main import main

main()
