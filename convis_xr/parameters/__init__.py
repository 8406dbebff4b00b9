"""The parts of a model.

Values with units (`Parameter`, `Derived`), what is carried in time (`State`), and names for all (`Namespace`).
"""

from convis_xr.parameters.derived import Derived
from convis_xr.parameters.namespace import Namespace
from convis_xr.parameters.parameter import Parameter
from convis_xr.parameters.state import State

__all__ = ["Derived", "Namespace", "Parameter", "State"]
