"""What moves parameters: how a model is given an optimizer, and two that torch has not."""

from convis_xr.optimizers.cautious_lbfgs import CautiousLBFGS
from convis_xr.optimizers.choice import HeldOptimizer, OptimizerChoice, optimizer_classes
from convis_xr.optimizers.finite_difference import FiniteDifference

__all__ = ["CautiousLBFGS", "FiniteDifference", "HeldOptimizer", "OptimizerChoice", "optimizer_classes"]
