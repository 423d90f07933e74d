# SPDX-License-Identifier: Apache-2.0
"""What the examples' train.py share: scikit-learn's 1,797 scans of handwritten digits, and how a network learns them.

Needs: torch, scikit-learn.
"""
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional

SEED = 20
HELD_OUT = 360  # images that no network trains on: a fifth
PIXEL_MAX = 16.0  # the scans count dark pixels in 4x4 cells
BATCH = 64


def load_split() -> list:
    """Images to train on [N, 1, 8, 8] in [0, 1], held-out ones, and the labels of both."""
    digits = load_digits()
    images = (digits.images / PIXEL_MAX).astype(np.float32)[:, None]
    labels = digits.target.astype(np.int64)
    return [torch.from_numpy(part) for part in train_test_split(
        images, labels, test_size=HELD_OUT, random_state=SEED, stratify=labels)]


def fit(network: nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int, augment,
        label_smoothing: float = 0.0) -> nn.Module:
    """Trains on augment(images of a batch), anew in every epoch; the network returned evaluates."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = (len(images) + BATCH - 1) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=epochs * steps)
    for epoch in range(epochs):
        network.train()
        total = 0.0
        for chosen in torch.randperm(len(images)).split(BATCH):
            loss = functional.cross_entropy(network(augment(images[chosen])), labels[chosen],
                                            label_smoothing=label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1:3}  loss {total / steps:.4f}", flush=True)
    return network.eval()
