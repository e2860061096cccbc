"""Decide. State in, plan out: no connection, no clock, no printing, no third party."""
