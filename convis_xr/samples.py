"""Sample data that come with the package."""

from __future__ import annotations

from pathlib import Path

from convis_xr.errors import ContractError, explain

_FOLDER = Path(__file__).parent / "data"
_FILES = {"big_buck_bunny": "big_buck_bunny.mp4"}


def sample(name: str) -> Path:
    """Where a sample lies.

    Parameters
    ----------
    name : {"big_buck_bunny"}
        115 frames (24 per second) of the film Big Buck Bunny in grey, 88 x 160 pixels, noted to be 0.1 deg each. (c)
        2008 Blender Foundation, www.bigbuckbunny.org, CC BY 3.0; what was changed stands in the folder's README.

    Returns
    -------
    Path

    Raises
    ------
    ContractError
        There is no sample of that name.

    Examples
    --------
    >>> sample("big_buck_bunny").name
    'big_buck_bunny.mp4'
    """
    if name not in _FILES:
        known = ", ".join(_FILES)
        raise ContractError(
            explain("name", wanted=f"a sample among {known}", got=repr(name), cure=f'sample("{known}")')
        )
    return _FOLDER / _FILES[name]
