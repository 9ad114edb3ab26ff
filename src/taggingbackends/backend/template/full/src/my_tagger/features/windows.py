"""What the network sees of a larva: a window of spines around each frame."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggingbackends.data import WindowShape, egocentric

WINDOW = WindowShape(duration=1.1, framerate=10)
"""5 frames before the labelled frame, the frame, and 5 after it, whatever the tracker's rate."""

POINTS = 5  # of each spine, from head to tail


def window_inputs(spines: ArrayLike, length: ArrayLike) -> NDArray[np.float32]:
    """Return one row of numbers per window: the positions of some points, in body lengths.

    Put features of your own here. They must not depend on position and heading.

    Parameters
    ----------
    spines : (m, n, points, 2) array_like
        Windows of n frames, in mm, head first.
    length : float or (m,) array_like
        Body length of the recording, or of each window's recording, mm.
    """
    own = egocentric(spines, length)
    chosen = np.linspace(0, own.shape[2] - 1, POINTS).round().astype(int)
    return own[:, :, chosen].reshape(len(own), -1).astype(np.float32)
