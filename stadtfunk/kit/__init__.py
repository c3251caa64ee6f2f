"""The kit for people who write decoders: vectors, the rules of the collection, byte maps, scaffolds, the catalogue."""
