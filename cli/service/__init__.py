"""`herdsman up` taken apart: its options, its parts put together, its life from start to clean stop."""
