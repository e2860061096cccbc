"""Tell. Finds the words, or the JSON; writes nothing by itself."""
