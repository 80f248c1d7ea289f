"""Finding events: words, filters, counts, export. Pure: the stores read and write."""
