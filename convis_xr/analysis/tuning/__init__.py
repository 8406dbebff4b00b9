"""Protocols that are run on a model in one call, and give labelled curves; what is read off curves."""
