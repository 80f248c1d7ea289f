"""A backup's file: what of a data folder goes into it, how it is written, checked and taken apart again."""
