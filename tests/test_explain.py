from __future__ import annotations

import pytest
import torch

from sgps.errors import InputError
from sgps.target.explain import class_activation_maps, relative_evidence


@pytest.mark.parametrize("seed", range(5))
def test_the_mean_of_the_activation_map_is_the_logit(make_network, pictures, seed):
    network = make_network(seed=seed)
    maps = class_activation_maps(network, pictures)
    bias = network.weights["classifier.bias"]
    torch.testing.assert_close(
        maps.mean((2, 3)) + bias, network.logits(pictures), rtol=1e-5, atol=1e-4
    )


def test_there_is_one_map_for_each_class_and_picture(tiny_network, pictures):
    assert class_activation_maps(tiny_network, pictures).shape == (5, 3, 2, 2)
    assert class_activation_maps(tiny_network, pictures[:0]).shape == (0, 3, 2, 2)


def test_relative_evidence_leaves_out_what_speaks_for_all_classes(tiny_network, pictures):
    evidence = relative_evidence(tiny_network, pictures)
    assert evidence.mean(1).abs().max() < 1e-5
    tiny_network.weights["classifier.weight"] += tiny_network.weights["classifier.weight"][
        :1
    ].clone()
    torch.testing.assert_close(
        relative_evidence(tiny_network, pictures), evidence, rtol=1e-4, atol=1e-4
    )


def test_a_class_without_weights_has_an_empty_map(tiny_network, pictures):
    tiny_network.weights["classifier.weight"][1] = 0
    maps = class_activation_maps(tiny_network, pictures, batch_size=2)
    assert maps[:, 1].abs().max() == 0
    assert maps[:, 0].abs().max() > 0


def test_pictures_of_another_size_are_refused(tiny_network, pictures):
    with pytest.raises(InputError, match=r"^images must be uint8 of shape \(B, 3, 64, 64\), got "):
        class_activation_maps(tiny_network, pictures[:, :, :32])
