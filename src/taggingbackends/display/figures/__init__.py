"""Figures of group statistics, for papers: over time, responses, budgets, transitions.

A colour stands for a group in all of them. Labels have panels of their own.
"""

from taggingbackends.display.figures.budgets import plot_budgets
from taggingbackends.display.figures.overtime import plot_over_time
from taggingbackends.display.figures.responses import plot_responses
from taggingbackends.display.figures.transitions import plot_transitions

__all__ = ["plot_budgets", "plot_over_time", "plot_responses", "plot_transitions"]
