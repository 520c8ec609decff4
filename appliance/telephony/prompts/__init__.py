"""The sentences people hear: their texts, the sounds that say them, the folder Asterisk plays them from."""
