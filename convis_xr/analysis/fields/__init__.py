"""Receptive fields from moments, and what is read off them: priors, shapes, axes, nonlinearities."""
