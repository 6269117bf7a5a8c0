"""One page that shows what a lakehouse holds and whether it is right, for people who cannot open it."""
