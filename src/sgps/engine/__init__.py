"""The engine: reads a support set and writes every parameter of a target network."""
