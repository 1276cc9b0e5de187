"""`python -m noisegate.worker`: the worker process."""

from noisegate.worker.main import main

if __name__ == "__main__":
    main()
