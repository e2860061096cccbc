"""A lending library: events say what happened, the shelf says which book is with whom."""
