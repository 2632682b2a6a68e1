"""The ledger: notifications, their moves, dead letters, and the Store port on them."""
