"""What bots' lines say of their trading, as state that each event moves on. Pure.

`BotTrading` holds one bot's state and takes its events one after another; `figures` makes the key figures of
it; `views` joins what belongs together. docs/trading.md has the definitions.
"""
