"""The target network: the small, ordinary classifier whose parameters are synthesized."""
