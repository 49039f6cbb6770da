"""The contrast tells views of one picture from other pictures of its family, and from no others."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from sgps.pretraining.contrast import contrast, embedded, first_embedding

PICTURES = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])
FAMILIES = torch.tensor([0, 0, 1, 1, 0, 0, 1, 1])


def embeddings(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(8, 6, generator=generator, dtype=torch.float64), dim=1)


def test_it_is_the_cross_entropy_of_the_other_view_among_the_family():
    z = embeddings()
    total = 0.0
    for row in range(8):
        near = [other for other in range(8) if other != row and FAMILIES[other] == FAMILIES[row]]
        scores = torch.stack([z[row] @ z[other] / 0.2 for other in near])
        target = torch.tensor(near.index((row + 4) % 8))
        total += float(functional.cross_entropy(scores[None], target[None]))
    assert float(contrast(z, PICTURES, FAMILIES)) == pytest.approx(total / 8)


def test_pictures_of_another_family_do_not_count():
    z = embeddings()
    moved = z.clone().requires_grad_()
    rows = torch.tensor([0, 1, 4, 5])
    whole = contrast(moved, PICTURES, FAMILIES)
    (gradient,) = torch.autograd.grad(whole, moved)
    alone = z[rows].clone().requires_grad_()
    (own,) = torch.autograd.grad(contrast(alone, PICTURES[rows], FAMILIES[rows]), alone)
    assert torch.allclose(gradient[rows], own / 2)


def test_a_picture_drawn_twice_is_not_told_from_itself():
    z = embeddings()
    pictures = torch.tensor([0, 0, 2, 3, 0, 0, 2, 3])
    together = z.clone()
    together[[1, 4, 5]] = together[0].clone()
    apart = contrast(z, pictures, FAMILIES)
    assert float(contrast(together, pictures, FAMILIES)) < float(apart)


def test_it_is_lowest_where_views_agree_and_pictures_differ():
    axes = torch.eye(4, dtype=torch.float64).repeat(2, 1)
    assert float(contrast(axes, PICTURES, FAMILIES)) < float(
        contrast(axes[[0, 0, 2, 2, 1, 1, 3, 3]], PICTURES, FAMILIES)
    )


def test_embeddings_are_unit_vectors_of_the_features():
    generator = torch.Generator().manual_seed(0)
    tensors = first_embedding(10, generator)
    vectors = embedded(tensors, torch.randn(3, 10, generator=generator))
    assert vectors.shape == (3, 128)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(3))
