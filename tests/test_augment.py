"""Augmented pictures differ, keep their range, and follow from the generator alone."""

from __future__ import annotations

import pytest
import torch

from sgps.pretraining.augment import augment


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (16, 3, 40, 40), generator=generator, dtype=torch.uint8)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_pictures_come_out_at_the_size_asked_and_in_range(images):
    views = augment(images, 24, seeded(0))
    assert views.shape == (16, 3, 24, 24)
    assert views.dtype == torch.float32
    assert 0 <= float(views.min()) < float(views.max()) <= 1


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(images):
    assert torch.equal(augment(images, 24, seeded(1)), augment(images, 24, seeded(1)))
    assert not torch.equal(augment(images, 24, seeded(1)), augment(images, 24, seeded(2)))


def test_nothing_but_the_generator_is_random(images):
    torch.manual_seed(3)
    first = augment(images, 24, seeded(1))
    before = torch.random.get_rng_state()
    second = augment(images, 24, seeded(1))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.random.get_rng_state())


def test_every_picture_is_changed_in_its_own_way(images):
    views = augment(images[:1].expand(16, -1, -1, -1), 40, seeded(0))
    for row in range(16):
        assert not torch.allclose(views[row], images[0] / 255, atol=0.02)
        for other in range(row):
            assert not torch.allclose(views[row], views[other], atol=0.02)


def test_the_pictures_given_stay_as_they_are(images):
    before = images.clone()
    augment(images, 24, seeded(0))
    assert torch.equal(images, before)


def test_color_still_tells_classes_apart():
    red, blue = torch.zeros(64, 3, 24, 24), torch.zeros(64, 3, 24, 24)
    red[:, 0], blue[:, 2] = 220, 220
    views = augment(torch.cat([red, blue]).to(torch.uint8), 24, seeded(0)).mean((2, 3))
    is_red = views[:, 0] > views[:, 2]
    assert float(is_red[:64].float().mean()) > 0.8
    assert float(is_red[64:].float().mean()) < 0.2
