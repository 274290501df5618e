"""Device and precision: what is chosen, and what each of them does to the numbers."""

import pytest
import torch
from torch.nn import functional as kernels

from minibert.errors import ConfigError
from minibert.training.precision import (
    DTYPES,
    Precision,
    choose_device,
    choose_precision,
    clip,
)

CPU = torch.device("cpu")


@pytest.fixture
def there(monkeypatch):
    """A function that lets the machine have certain devices."""

    def have(*names):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in names)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in names)

    return have


@pytest.mark.parametrize(
    ("names", "best"), [((), "cpu"), (("mps",), "mps"), (("mps", "cuda"), "cuda")]
)
def test_the_best_device_that_is_there(there, names, best):
    there(*names)

    assert choose_device("auto").type == best


@pytest.mark.parametrize("wanted", ["cuda", "mps", "tpu"])
def test_a_device_that_is_not_there(there, wanted):
    there()

    with pytest.raises(ConfigError, match=f"device '{wanted}' is not to be had here"):
        choose_device(wanted)


def test_the_cpu_can_always_be_had(there):
    there("cuda", "mps")

    assert choose_device("cpu") == CPU


@pytest.mark.parametrize(
    ("avx512", "amx", "name"),
    [
        (False, False, "float32"),
        (True, False, "bfloat16"),
        (False, True, "bfloat16"),
    ],
)
def test_auto_takes_bfloat16_where_the_processor_is_fast_at_it(monkeypatch, avx512, amx, name):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)

    assert choose_precision("auto", CPU).name == name


@pytest.mark.parametrize("name", DTYPES)
def test_what_is_asked_for_is_what_one_gets(name):
    precision = choose_precision(name, CPU)

    assert (precision.name, precision.reason) == (name, "as asked")


@pytest.mark.parametrize(("name", "dtype"), DTYPES.items())
def test_autocast_changes_products_but_not_weights(name, dtype):
    weight = torch.randn(3, 4, requires_grad=True)
    precision = Precision(name, "", CPU)

    with precision.autocast():
        product = kernels.linear(torch.randn(2, 4), weight)
    product.float().sum().backward()

    assert product.dtype == dtype
    assert weight.dtype == weight.grad.dtype == torch.float32
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("name", DTYPES)
def test_only_float16_scales_its_loss(name):
    scaler = Precision(name, "", CPU).scaler()

    scaled = scaler.scale(torch.ones(()))

    assert scaler.is_enabled() == (name == "float16")
    assert (scaled > 1) == (name == "float16")


def test_an_overflow_in_float16_skips_the_step_and_lowers_the_scale():
    model = torch.nn.Linear(1, 1)
    before = model.weight.item()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scaler = Precision("float16", "", CPU).scaler()
    scaler.scale(model.weight.sum() * float("inf")).backward()
    scale = scaler.get_scale()

    norm = clip(model, optimizer, scaler, torch.ones(()), most=1.0)
    scaler.step(optimizer)
    scaler.update()

    assert norm == float("inf")
    assert model.weight.item() == before
    assert scaler.get_scale() == scale / 2
