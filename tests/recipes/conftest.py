import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # the recipes are scripts of the repository, not part of the package
