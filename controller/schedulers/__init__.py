"""Where bots run: one Protocol, and one module or package per scheduler that fulfils it."""
