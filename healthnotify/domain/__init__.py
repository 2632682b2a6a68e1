"""Pure rules: no clock, no dice, no log, no sockets, nothing but the standard library."""
