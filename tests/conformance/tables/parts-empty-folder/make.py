"""Write the table: a folder without a file."""

from pathlib import Path

Path("parts").mkdir()
