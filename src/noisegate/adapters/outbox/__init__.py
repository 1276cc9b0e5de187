"""Delivers events to the receivers that a platform registered: signed webhooks."""
