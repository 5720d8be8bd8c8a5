"""Terminals over ISO 8583: the table of fields, the codec, the dialogue, the server, and a terminal to try it with."""
