import numpy as np
import torch

from convis_xr.kernels.lif.loops import runs_of, tiles_of


def test_tiles_that_follow_one_another_are_joined():
    tiles = tiles_of(torch.arange(1000, 2500).view(1, 1, 30, 50))
    assert runs_of(tiles).tolist() == [[1000, 0, 0, 1500]]
    # the first tile ends at cell 1024, the others are whole
    assert runs_of(tiles, 3).tolist() == [[1000, 0, 0, 536], [1536, 0, 536, 768], [2304, 0, 1304, 196]]
    assert np.array_equal(runs_of(tiles, 1), tiles)


def test_runs_end_with_the_frame_and_where_cells_are_left_out():
    cells = torch.arange(600).expand(2, 1, 1, 600).clone()
    assert runs_of(tiles_of(cells)).tolist() == [[0, 0, 0, 600], [0, 1, 0, 600]]
    gap = torch.cat([torch.arange(300), torch.arange(310, 700)]).view(1, 1, 1, 690)
    assert runs_of(tiles_of(gap)).tolist() == [[0, 0, 0, 300], [310, 0, 300, 390]]


def test_no_cell_no_run():
    assert len(runs_of(tiles_of(torch.empty(1, 1, 0, 3, dtype=torch.int64)))) == 0
