"""What all tests share: where the real data is, the packaged weights, and honest random weights."""

import os
from pathlib import Path

# The models here are tiny, and the suite runs in as many processes as there are cores: a second
# thread in each would only wait. Set before torch is imported, and inherited by what tests start.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch

ROOT = Path(__file__).parent.parent
REAL_DATA = Path(os.environ.get("MINIBERT_REAL_DATA", ROOT.parent / "shared" / "data"))


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("real") and not REAL_DATA.is_dir():
            item.add_marker(pytest.mark.skip(reason=f"no real data at {REAL_DATA}"))
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no GPU here"))
        if item.get_closest_marker("hub") and not os.environ.get("MINIBERT_BERT_BASE"):
            item.add_marker(pytest.mark.skip(reason="MINIBERT_BERT_BASE names no weights"))


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def real_data():
    return REAL_DATA


@pytest.fixture(scope="session")
def randomized():
    """A function that gives a model biases from N(0, 0.1) and LayerNorm weights from N(1, 0.1).

    Fresh weights have zero biases and unit LayerNorms: a model that drops or swaps them would go
    unseen. Works on our models and on those of `transformers`.
    """

    def randomize(model, seed=0):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                if name.endswith("bias"):
                    parameter.copy_(0.1 * noise)
                elif name.lower().endswith("norm.weight"):
                    parameter.copy_(1 + 0.1 * noise)
        return model

    return randomize
