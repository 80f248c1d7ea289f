"""What bots print, use and do: agent, intake, stores, live channel."""
