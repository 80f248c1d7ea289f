"""Starting the real servers that the tests run against."""
