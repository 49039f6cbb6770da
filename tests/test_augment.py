"""Augmented pictures differ, keep their range, and follow from the generator alone."""

from __future__ import annotations

import pytest
import torch

from sgps.pretraining.augment import augment, draw_plan


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (16, 3, 40, 40), generator=generator, dtype=torch.uint8)


def augmented(images: torch.Tensor, size: int, seed: int) -> torch.Tensor:
    return augment(images, size, draw_plan(len(images), torch.Generator().manual_seed(seed)))


def test_pictures_come_out_at_the_size_asked_and_in_range(images):
    views = augmented(images, 24, 0)
    assert views.shape == (16, 3, 24, 24)
    assert views.dtype == torch.float32
    assert 0 <= float(views.min()) < float(views.max()) <= 1


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(images):
    assert torch.equal(augmented(images, 24, 1), augmented(images, 24, 1))
    assert not torch.equal(augmented(images, 24, 1), augmented(images, 24, 2))


def test_nothing_but_the_generator_is_random(images):
    torch.manual_seed(3)
    first = augmented(images, 24, 1)
    before = torch.random.get_rng_state()
    second = augmented(images, 24, 1)
    assert torch.equal(first, second)
    assert torch.equal(before, torch.random.get_rng_state())


def test_every_picture_is_changed_in_its_own_way(images):
    views = augmented(images[:1].expand(16, -1, -1, -1), 40, 0)
    for row in range(16):
        assert not torch.allclose(views[row], images[0] / 255, atol=0.02)
        for other in range(row):
            assert not torch.allclose(views[row], views[other], atol=0.02)


def test_the_pictures_given_stay_as_they_are(images):
    before = images.clone()
    augmented(images, 24, 0)
    assert torch.equal(images, before)


def test_color_still_tells_classes_apart():
    red, blue = torch.zeros(64, 3, 24, 24), torch.zeros(64, 3, 24, 24)
    red[:, 0], blue[:, 2] = 220, 220
    views = augmented(torch.cat([red, blue]).to(torch.uint8), 24, 0).mean((2, 3))
    is_red = views[:, 0] > views[:, 2]
    assert float(is_red[:64].float().mean()) > 0.8
    assert float(is_red[64:].float().mean()) < 0.2


def test_without_color_jitter_an_even_picture_keeps_its_color():
    even = torch.tensor([200, 120, 60], dtype=torch.uint8).view(1, 3, 1, 1).expand(32, 3, 24, 24)
    wanted = torch.tensor([200, 120, 60]) / 255
    errors = {}
    for jitter in (0.0, 0.5, 1.0):
        plan = draw_plan(32, torch.Generator().manual_seed(3), jitter)
        errors[jitter] = float((augment(even, 24, plan).mean((2, 3)) - wanted).abs().mean())
    assert errors[0.0] < 0.01 < errors[0.5] < errors[1.0]


def test_a_part_of_the_batch_is_changed_as_in_the_whole(images):
    plan = draw_plan(16, torch.Generator().manual_seed(4))
    whole = augment(images, 24, plan)
    for rows in (slice(0, None, 2), slice(1, None, 2), slice(3, 5)):
        torch.testing.assert_close(augment(images[rows], 24, plan.rows(rows)), whole[rows])


def test_three_of_ten_pictures_are_noisy_and_each_in_its_own_way():
    even = torch.full((400, 3, 24, 24), 128, dtype=torch.uint8)
    plan = draw_plan(400, torch.Generator().manual_seed(0))
    views = augment(even, 24, plan)
    noisy = views.std((1, 2, 3)) - views.mean((2, 3)).std(1) > 1e-3
    assert int((plan.noise > 0).sum()) == pytest.approx(120, abs=40)
    first, second = torch.nonzero(plan.noise > 0.02)[:2, 0].tolist()
    assert bool(noisy[first])
    patterns = [views[i] - views[i].mean((1, 2), keepdim=True) for i in (first, second)]
    cosine = torch.cosine_similarity(*(pattern.flatten() for pattern in patterns), dim=0)
    assert abs(float(cosine)) < 0.1
