"""Clinical words: a catalogue of conditions, the vocabulary of what can be seen, and how to write and read it."""
