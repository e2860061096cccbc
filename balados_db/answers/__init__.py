"""What each command answers, as types; `table.py` has all of them by command, for whoever needs all of them."""
