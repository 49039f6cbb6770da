"""Show where a class's score comes from: class activation maps, exact for this family of networks.

The network ends in an average over positions and a linear layer, so the linear layer may as well be applied at each
position: `cam_k = sum_c W[k, c] A_c`. The mean of that map plus the class's bias *is* the class's score, so nothing is
estimated and no gradient is taken.

Shapes: B pictures, N classes, h w positions of the last feature map (a 32nd of the picture's side).
"""

from __future__ import annotations

import torch
from torch import Tensor

from sgps.target.checkpoint import TargetNetwork
from sgps.target.network import feature_maps


def class_activation_maps(network: TargetNetwork, images: Tensor, batch_size: int = 64) -> Tensor:
    """Evidence for each class at each position.

    Args:
        network: a synthesized classifier.
        images: uint8 pictures (B, 3, S, S).
        batch_size: pictures at a time.

    Returns:
        Maps (B, N, h, w), float32; `maps.mean((2, 3)) + bias` equals the logits.

    Raises:
        InputError: the pictures are not of the shape and range that the network was made for.
    """

    def maps(batch: Tensor) -> Tensor:
        features = feature_maps(network.architecture, network.weights, batch)[1]
        return torch.einsum("nc,bchw->bnhw", network.weights["classifier.weight"], features)

    return network.in_batches(images, maps, batch_size)


def relative_evidence(network: TargetNetwork, images: Tensor) -> Tensor:
    """Maps (B, N, h, w) of `class_activation_maps` minus their mean over classes: what speaks for all alike decides nothing."""
    maps = class_activation_maps(network, images)
    return maps - maps.mean(dim=1, keepdim=True)
